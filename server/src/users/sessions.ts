import { randomInt } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { LruCache } from '../base/lru-cache.ts';
import { invalidParam, MatrixError, unknownToken } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { isDeviceId } from '../protocol/identifiers.ts';
import {
  type AccessTokenRow,
  deleteTokensOfDevice,
  findAccessTokens,
  holdRefreshToken,
  insertAccessToken,
  insertRefreshToken,
  markUsed,
  pruneTokens,
  retireParent,
} from '../storage/access-tokens.ts';
import { holdAccount } from '../storage/accounts.ts';
import type { Database, Transaction } from '../storage/database.ts';
import { recordDeviceChanges } from '../storage/device-lists.ts';
import { deleteOtherDevices, deleteSurplusDevices, insertDevice } from '../storage/devices.ts';
import { deleteDevicesOf } from './devices.ts';
import type { LastSeen } from './last-seen.ts';
import type { Requester } from './requester.ts';
import { hashToken, newToken, tokenHash } from './tokens.ts';

/** Lifetime of access tokens of clients that can refresh them. */
const ACCESS_TOKEN_LIFETIME_MS = 60 * 60 * 1000;
/** How long a retired refresh token is still honoured: for requests that crossed on the wire, or two tabs at once. */
const REUSE_GRACE_MS = 30_000;
/** How long retired refresh tokens are remembered, to notice that they were copied. */
const REMEMBER_MS = 30 * 24 * 60 * 60 * 1000;

/** Access tokens of which the last answer is kept. */
const REMEMBERED_TOKENS = 10_000;

export interface SessionRequest {
  readonly userId: UserId;
  /** Device to sign in on; a new one where undefined. Sessions that an existing device had are ended. */
  readonly deviceId: string | undefined;
  /** Name of a new device. */
  readonly displayName: string | undefined;
  /** The client can refresh: its access token expires. */
  readonly withRefreshToken: boolean;
  /** Where the request comes from. */
  readonly ip: string;
}

/** What a sign-in answers to the client, as in the spec. */
export interface Session {
  readonly user_id: UserId;
  readonly device_id: string;
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly expires_in_ms?: number;
}

export interface Sessions {
  /**
   * The one door to a new session (A7.4): every way to sign in ends here, and closed and locked accounts end here too. May
   * be called inside a transaction, whose last statement it then is.
   */
  issue(request: SessionRequest, tx?: Transaction): Promise<Session>;
  /**
   * Whose access token this is; throws 401. Asks the database, so a logout anywhere holds everywhere at once, unless the last
   * answer will do (`fromMemory`) because what is done with it depends on the token once more.
   */
  lookUp(token: string, request: { ip: string; whenLocked: boolean; fromMemory: boolean }): Promise<Requester>;
  /** Client-Server API, "Refreshing access tokens". Throws 401 `M_UNKNOWN_TOKEN`. */
  refresh(refreshToken: string): Promise<Omit<Session, 'user_id' | 'device_id'>>;
  /** Deletes the device and with it all its tokens. */
  logout(userId: UserId, deviceId: string): Promise<void>;
  /** Deletes all devices of a user. */
  logoutAll(userId: UserId): Promise<void>;
}

export function createSessions(options: { db: Database; clock: Clock; lastSeen: LastSeen }): Sessions {
  const { db, clock, lastSeen } = options;
  const findToken = batchLookups(db);
  /** By the token's hash in hex. */
  const remembered = new LruCache<string, AccessTokenRow>(REMEMBERED_TOKENS);

  async function rowOf(hash: Buffer, fromMemory: boolean): Promise<AccessTokenRow | undefined> {
    const key = hash.toString('hex');
    const known = fromMemory ? remembered.get(key) : undefined;
    if (known !== undefined) return known;
    const row = await findToken(hash);
    // The first use of a fresh one has effects.
    if (row === undefined || row.isFresh || row.isLocked) remembered.delete(key);
    else remembered.set(key, row);
    return row;
  }

  return {
    issue: async (request, tx) =>
      tx === undefined
        ? await db.transaction(async (own) => await issue(own, request, clock.now()))
        : await issue(tx, request, clock.now()),

    async lookUp(token, { ip, whenLocked, fromMemory }) {
      const hash = tokenHash('access', token);
      const row = hash && (await rowOf(hash, fromMemory));
      if (row === undefined) throw unknownToken('The access token is not known.');
      const now = clock.now();
      if (row.expiresAt !== null && row.expiresAt <= now) throw unknownToken('The access token has expired.', true);
      if (row.isLocked && !whenLocked) throw userLocked();
      if (row.isFresh && row.refreshTokenId !== null) {
        await retireParent(db, row.refreshTokenId, now);
        await markUsed(db, row.id);
      }
      lastSeen.note({ userId: row.userId, deviceId: row.deviceId, at: now, ip });
      return {
        userId: row.userId,
        deviceId: row.deviceId,
        tokenId: row.id,
        isGuest: row.isGuest,
        isAdmin: row.isAdmin,
      };
    },

    async refresh(refreshToken) {
      const hash = tokenHash('refresh', refreshToken);
      const renewed = hash && (await db.transaction(async (tx) => await renew(tx, hash, clock.now())));
      if (renewed === undefined) throw unknownToken('The refresh token is not known.');
      return renewed;
    },

    logout: async (userId, deviceId) => await deleteDevicesOf(db, userId, [deviceId]),

    logoutAll: async (userId) =>
      await db.transaction(async (tx) => {
        await recordDeviceChanges(tx, userId, await deleteOtherDevices(tx, userId, null));
      }),
  };
}

/** Devices of a user: a program that signs in at every start and never out must not grow the lists of all who share a room. */
const MAX_DEVICES = 500;

async function issue(tx: Transaction, request: SessionRequest, now: number): Promise<Session> {
  const { userId } = request;
  const deviceId = request.deviceId ?? newDeviceId();
  if (!isDeviceId(deviceId)) throw invalidParam('The device id is not valid.');
  const account = await holdAccount(tx, userId);
  if (account === undefined) throw new MatrixError('M_FORBIDDEN', 'There is no such account.', 403);
  if (account.isDeactivated) throw new MatrixError('M_USER_DEACTIVATED', 'This account has been closed.', 403);
  if (account.isLocked) throw userLocked();
  const { displayName = null, ip } = request;
  const isNew = await insertDevice(tx, { userId, deviceId, displayName, createdAt: now, createdFrom: ip });
  const dropped = isNew ? await deleteSurplusDevices(tx, userId, MAX_DEVICES) : [];
  if (!isNew) await deleteTokensOfDevice(tx, userId, deviceId);
  const tokens = await insertTokens(tx, { userId, deviceId, parentId: null }, request.withRefreshToken, now);
  if (isNew) await recordDeviceChanges(tx, userId, [...dropped, deviceId]);
  return { user_id: userId, device_id: deviceId, ...tokens };
}

async function insertTokens(
  tx: Transaction,
  owner: { userId: UserId; deviceId: string; parentId: number | null },
  withRefreshToken: boolean,
  now: number,
): Promise<{ access_token: string; refresh_token?: string; expires_in_ms?: number }> {
  const { userId, deviceId } = owner;
  const accessToken = newToken('access');
  const common = { hash: hashToken(accessToken), userId, deviceId, isFresh: owner.parentId !== null };
  if (!withRefreshToken) {
    await insertAccessToken(tx, { ...common, refreshTokenId: null, expiresAt: null });
    return { access_token: accessToken };
  }
  const refreshToken = newToken('refresh');
  const refreshTokenId = await insertRefreshToken(tx, { ...owner, hash: hashToken(refreshToken) });
  await insertAccessToken(tx, { ...common, refreshTokenId, expiresAt: now + ACCESS_TOKEN_LIFETIME_MS });
  return { access_token: accessToken, refresh_token: refreshToken, expires_in_ms: ACCESS_TOKEN_LIFETIME_MS };
}

/**
 * Exchanges a refresh token for a new pair. It stays good until one of the tokens that it led to is used, so that a client
 * that never saw the answer can ask again; used later than that plus a grace, somebody has a copy, and the sessions of
 * the device are ended. Undefined when the token is of no use.
 */
async function renew(
  tx: Transaction,
  hash: Buffer,
  now: number,
): Promise<Omit<Session, 'user_id' | 'device_id'> | undefined> {
  const token = await holdRefreshToken(tx, hash);
  if (token === undefined) return undefined;
  const { userId, deviceId } = token;
  if (token.retiredAt !== null && token.retiredAt + REUSE_GRACE_MS < now) {
    await deleteTokensOfDevice(tx, userId, deviceId);
    return undefined;
  }
  const account = await holdAccount(tx, userId);
  if (account === undefined || account.isDeactivated) return undefined;
  if (account.isLocked) throw userLocked();
  await retireParent(tx, token.id, now);
  await pruneTokens(tx, userId, deviceId, now - REMEMBER_MS);
  return await insertTokens(tx, { userId, deviceId, parentId: token.id }, true, now);
}

function userLocked(): MatrixError {
  return new MatrixError('M_USER_LOCKED', 'This account has been locked.', 401, { soft_logout: true });
}

const DEVICE_ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

function newDeviceId(): string {
  return Array.from({ length: 10 }, () => DEVICE_ID_LETTERS[randomInt(DEVICE_ID_LETTERS.length)]).join('');
}

/** Tokens in one statement at most. */
const LOOKUP_BATCH = 1_000;

interface WaitingLookup {
  readonly hash: Buffer;
  resolve(row: AccessTokenRow | undefined): void;
  reject(error: unknown): void;
}

/**
 * Looks up the tokens of requests with as few statements as possible: those that arrive while one is under way share the next.
 * Each token is looked up after its request has arrived.
 */
function batchLookups(db: Database): (hash: Buffer) => Promise<AccessTokenRow | undefined> {
  const waiting: WaitingLookup[] = [];
  let isRunning = false;

  async function lookUp(batch: readonly WaitingLookup[]): Promise<void> {
    try {
      const rows = await findAccessTokens(
        db,
        batch.map((entry) => entry.hash),
      );
      for (const entry of batch) entry.resolve(rows.get(entry.hash.toString('hex')));
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) await lookUp(waiting.splice(0, LOOKUP_BATCH));
    isRunning = false;
  }

  return (hash) =>
    new Promise((resolve, reject) => {
      waiting.push({ hash, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      // Requests of the same moment come one after the other.
      setImmediate(run);
    });
}
