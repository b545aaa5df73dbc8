import type { UserId } from '../protocol/event.ts';
import type { Queryable } from './database.ts';

/** Adds a token, and forgets those that have expired. Times are milliseconds since 1970. */
export async function insertOpenIdToken(
  db: Queryable,
  token: { hash: Buffer; userId: string; expiresAt: number },
  now: number,
): Promise<void> {
  await db.query('DELETE FROM openid_tokens WHERE expires_at <= $1', [now]);
  await db.query('INSERT INTO openid_tokens (token_hash, user_id, expires_at) VALUES ($1, $2, $3)', [
    token.hash,
    token.userId,
    token.expiresAt,
  ]);
}

export async function findOpenIdUser(db: Queryable, hash: Buffer, now: number): Promise<UserId | undefined> {
  const [row] = await db.query<{ user_id: UserId }>(
    'SELECT user_id FROM openid_tokens WHERE token_hash = $1 AND expires_at > $2',
    [hash, now],
  );
  return row?.user_id;
}
