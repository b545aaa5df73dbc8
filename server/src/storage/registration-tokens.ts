import type { Queryable, Transaction } from './database.ts';

export interface RegistrationToken {
  readonly token: string;
  /** How many accounts may be made with it; null for any number. */
  readonly usesAllowed: number | null;
  readonly uses: number;
  /** Milliseconds since 1970; null where it does not expire. */
  readonly expiresAt: number | null;
}

interface Row {
  token: string;
  uses_allowed: number | null;
  uses: number;
  expires_at: number | null;
}

const COLUMNS = 'token, uses_allowed, uses, expires_at';

function toToken(row: Row): RegistrationToken {
  return { token: row.token, usesAllowed: row.uses_allowed, uses: row.uses, expiresAt: row.expires_at };
}

/** False when there is such a token already. */
export async function insertRegistrationToken(db: Queryable, token: Omit<RegistrationToken, 'uses'>): Promise<boolean> {
  const rows = await db.query(
    'INSERT INTO registration_tokens (token, uses_allowed, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id',
    [token.token, token.usesAllowed, token.expiresAt],
  );
  return rows.length > 0;
}

export async function listRegistrationTokens(db: Queryable): Promise<RegistrationToken[]> {
  return (await db.query<Row>(`SELECT ${COLUMNS} FROM registration_tokens ORDER BY id`)).map(toToken);
}

export async function findRegistrationToken(db: Queryable, token: string): Promise<RegistrationToken | undefined> {
  const [row] = await db.query<Row>(`SELECT ${COLUMNS} FROM registration_tokens WHERE token = $1`, [token]);
  return row && toToken(row);
}

/** Changes limit and expiry; false when there is no such token. */
export async function updateRegistrationToken(db: Queryable, token: Omit<RegistrationToken, 'uses'>): Promise<boolean> {
  const rows = await db.query(
    'UPDATE registration_tokens SET uses_allowed = $2, expires_at = $3 WHERE token = $1 RETURNING id',
    [token.token, token.usesAllowed, token.expiresAt],
  );
  return rows.length > 0;
}

/** False when there is no such token. */
export async function deleteRegistrationToken(db: Queryable, token: string): Promise<boolean> {
  return (await db.query('DELETE FROM registration_tokens WHERE token = $1 RETURNING id', [token])).length > 0;
}

const USABLE = '(uses_allowed IS NULL OR uses < uses_allowed) AND (expires_at IS NULL OR expires_at > $2)';

/** Row id of a token that may be used at `now`. */
export async function findUsableRegistrationToken(
  db: Queryable,
  token: string,
  now: number,
): Promise<number | undefined> {
  const [row] = await db.query<{ id: number }>(`SELECT id FROM registration_tokens WHERE token = $1 AND ${USABLE}`, [
    token,
    now,
  ]);
  return row?.id;
}

/** Counts one use; false when the token may not be used any more. */
export async function useRegistrationToken(tx: Transaction, id: number, now: number): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE registration_tokens SET uses = uses + 1 WHERE id = $1 AND ${USABLE} RETURNING id`,
    [id, now],
  );
  return rows.length > 0;
}
