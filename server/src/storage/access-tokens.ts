import type { UserId } from '../protocol/event.ts';
import { byteaArray, int8Array } from './binary-arrays.ts';
import type { Queryable, Transaction } from './database.ts';

/** Channel on which every access token that goes is told of by its id (migration 0035). */
export const ENDED_SESSIONS_CHANNEL = 'ended_sessions';

/** An access token together with the account that it belongs to. */
export interface AccessTokenRow {
  readonly id: number;
  readonly userId: UserId;
  readonly deviceId: string;
  readonly refreshTokenId: number | null;
  /** Milliseconds since 1970; null where it does not expire. */
  readonly expiresAt: number | null;
  /** Issued by a refresh and not used yet. */
  readonly isFresh: boolean;
  readonly isAdmin: boolean;
  readonly isGuest: boolean;
  readonly isLocked: boolean;
}

interface Row {
  token_hash: Buffer;
  id: number;
  user_id: UserId;
  device_id: string;
  refresh_token_id: number | null;
  expires_at: number | null;
  is_fresh: boolean;
  is_admin: boolean;
  is_guest: boolean;
  is_locked: boolean;
}

/** Looks up access tokens by their hashes; the result is keyed by the hash in hex. */
export async function findAccessTokens(db: Queryable, hashes: readonly Buffer[]): Promise<Map<string, AccessTokenRow>> {
  const rows = await db.query<Row>(
    `SELECT t.token_hash, t.id, t.user_id, t.device_id, t.refresh_token_id, t.expires_at, t.is_fresh, a.is_admin, a.is_guest, a.is_locked
     FROM access_tokens t JOIN accounts a ON a.user_id = t.user_id
     WHERE t.token_hash = ANY ($1::bytea[]) AND NOT a.is_deactivated`,
    [byteaArray(hashes)],
  );
  return new Map(
    rows.map((row) => [
      row.token_hash.toString('hex'),
      {
        id: row.id,
        userId: row.user_id,
        deviceId: row.device_id,
        refreshTokenId: row.refresh_token_id,
        expiresAt: row.expires_at,
        isFresh: row.is_fresh,
        isAdmin: row.is_admin,
        isGuest: row.is_guest,
        isLocked: row.is_locked,
      },
    ]),
  );
}

/** A query for those of the tokens whose row ids the parameter holds that still let in, for a statement that depends on it. */
export function usableTokens(parameter: `$${number}`): string {
  return `SELECT t.id FROM access_tokens t JOIN accounts a ON a.user_id = t.user_id
      WHERE t.id = ANY (${parameter}::bigint[]) AND NOT a.is_deactivated AND NOT a.is_locked`;
}

/** The tokens of these row ids that still let in. */
export async function findUsableTokens(db: Queryable, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const rows = await db.query<{ id: number }>(usableTokens('$1'), [int8Array(ids)]);
  return new Set(rows.map((row) => row.id));
}

export async function insertAccessToken(
  tx: Transaction,
  token: {
    hash: Buffer;
    userId: string;
    deviceId: string;
    refreshTokenId: number | null;
    expiresAt: number | null;
    isFresh: boolean;
  },
): Promise<void> {
  await tx.query(
    `INSERT INTO access_tokens (token_hash, user_id, device_id, refresh_token_id, expires_at, is_fresh)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [token.hash, token.userId, token.deviceId, token.refreshTokenId, token.expiresAt, token.isFresh],
  );
}

/** Ends all sessions of a device; the device itself stays. */
export async function deleteTokensOfDevice(tx: Transaction, userId: string, deviceId: string): Promise<void> {
  await tx.query('DELETE FROM access_tokens WHERE user_id = $1 AND device_id = $2', [userId, deviceId]);
  await tx.query('DELETE FROM refresh_tokens WHERE user_id = $1 AND device_id = $2', [userId, deviceId]);
}

export interface RefreshTokenRow {
  readonly id: number;
  readonly userId: UserId;
  readonly deviceId: string;
  readonly parentId: number | null;
  /** Milliseconds since 1970; null while it may be used. */
  readonly retiredAt: number | null;
}

/** Finds a refresh token and locks its row, so that two refreshes with it come one after the other. */
export async function holdRefreshToken(tx: Transaction, hash: Buffer): Promise<RefreshTokenRow | undefined> {
  const [row] = await tx.query<{
    id: number;
    user_id: UserId;
    device_id: string;
    parent_id: number | null;
    retired_at: number | null;
  }>('SELECT id, user_id, device_id, parent_id, retired_at FROM refresh_tokens WHERE token_hash = $1 FOR UPDATE', [
    hash,
  ]);
  return (
    row && {
      id: row.id,
      userId: row.user_id,
      deviceId: row.device_id,
      parentId: row.parent_id,
      retiredAt: row.retired_at,
    }
  );
}

/** Answers the row id of the new refresh token. */
export async function insertRefreshToken(
  tx: Transaction,
  token: { hash: Buffer; userId: string; deviceId: string; parentId: number | null },
): Promise<number> {
  const [row] = await tx.query<{ id: number }>(
    'INSERT INTO refresh_tokens (token_hash, user_id, device_id, parent_id) VALUES ($1, $2, $3, $4) RETURNING id',
    [token.hash, token.userId, token.deviceId, token.parentId],
  );
  if (row === undefined) throw new Error('no row');
  return row.id;
}

/** Retires the refresh token with which `refreshTokenId` was obtained: what it led to is in use. */
export async function retireParent(db: Queryable, refreshTokenId: number, now: number): Promise<void> {
  await db.query(
    `UPDATE refresh_tokens SET retired_at = $2
     WHERE id = (SELECT parent_id FROM refresh_tokens WHERE id = $1) AND retired_at IS NULL`,
    [refreshTokenId, now],
  );
}

/** Notes the first use of an access token that came from a refresh. */
export async function markUsed(db: Queryable, accessTokenId: number): Promise<void> {
  await db.query('UPDATE access_tokens SET is_fresh = false WHERE id = $1', [accessTokenId]);
}

/** Forgets tokens of a device that ended before `before` and that nobody can learn anything from any more. */
export async function pruneTokens(tx: Transaction, userId: string, deviceId: string, before: number): Promise<void> {
  await tx.query('DELETE FROM refresh_tokens WHERE user_id = $1 AND device_id = $2 AND retired_at < $3', [
    userId,
    deviceId,
    before,
  ]);
  await tx.query('DELETE FROM access_tokens WHERE user_id = $1 AND device_id = $2 AND expires_at < $3', [
    userId,
    deviceId,
    before,
  ]);
}
