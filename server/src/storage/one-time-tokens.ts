import type { Queryable, Transaction } from './database.ts';

export type OneTimePurpose = 'setup' | 'shared_secret_registration';

/** Adds a token, and forgets those that have expired. */
export async function insertOneTimeToken(
  db: Queryable,
  token: { hash: Buffer; purpose: OneTimePurpose; expiresAt: number },
  now: number,
): Promise<void> {
  await db.query('DELETE FROM one_time_tokens WHERE expires_at <= $1', [now]);
  await db.query('INSERT INTO one_time_tokens (token_hash, purpose, expires_at) VALUES ($1, $2, $3)', [
    token.hash,
    token.purpose,
    token.expiresAt,
  ]);
}

export async function hasOneTimeToken(db: Queryable, purpose: OneTimePurpose, now: number): Promise<boolean> {
  const rows = await db.query('SELECT 1 FROM one_time_tokens WHERE purpose = $1 AND expires_at > $2 LIMIT 1', [
    purpose,
    now,
  ]);
  return rows.length > 0;
}

/** Takes a token away; true when it was there, which only one of two callers gets. */
export async function takeOneTimeToken(
  db: Queryable,
  hash: Buffer,
  purpose: OneTimePurpose,
  now: number,
): Promise<boolean> {
  const rows = await db.query<{ expires_at: number }>(
    'DELETE FROM one_time_tokens WHERE token_hash = $1 AND purpose = $2 RETURNING expires_at',
    [hash, purpose],
  );
  return rows.some((row) => row.expires_at > now);
}

/** Takes all tokens of a purpose away. */
export async function deleteOneTimeTokens(tx: Transaction, purpose: OneTimePurpose): Promise<void> {
  await tx.query('DELETE FROM one_time_tokens WHERE purpose = $1', [purpose]);
}
