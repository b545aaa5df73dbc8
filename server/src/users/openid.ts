import type { Clock } from '../base/clock.ts';
import type { UserId } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import { findOpenIdUser, insertOpenIdToken } from '../storage/openid-tokens.ts';
import { hashToken, newToken, tokenHash } from './tokens.ts';

const LIFETIME_S = 3600;

/** Makes a token with which its user proves their identity to a third party. Good for nothing else. */
export async function newOpenIdToken(
  db: Database,
  clock: Clock,
  userId: UserId,
): Promise<{ token: string /** Seconds. */; expiresIn: number }> {
  const token = newToken('openId');
  const now = clock.now();
  await insertOpenIdToken(db, { hash: hashToken(token), userId, expiresAt: now + LIFETIME_S * 1000 }, now);
  return { token, expiresIn: LIFETIME_S };
}

/** Whose OpenID token this is (Server-Server API, "OpenID"); undefined when it is unknown or has expired. */
export async function openIdUser(db: Database, clock: Clock, token: string): Promise<UserId | undefined> {
  const hash = tokenHash('openId', token);
  return hash && (await findOpenIdUser(db, hash, clock.now()));
}
