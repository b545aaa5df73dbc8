import type { Queryable, Transaction } from './database.ts';

export interface NewRegistrationToken {
  readonly token: string;
  /** How many accounts may be made with it; null for any number. */
  readonly usesAllowed: number | null;
  /** Milliseconds since 1970; null where it does not expire. */
  readonly expiresAt: number | null;
}

/** False when there is such a token already. */
export async function insertRegistrationToken(db: Queryable, token: NewRegistrationToken): Promise<boolean> {
  const rows = await db.query(
    'INSERT INTO registration_tokens (token, uses_allowed, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id',
    [token.token, token.usesAllowed, token.expiresAt],
  );
  return rows.length > 0;
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
