import { isCompliantUserId } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { findAccount } from '../storage/accounts.ts';
import type { Database } from '../storage/database.ts';

/**
 * The devices of a local user that have identity keys (Server-Server API, `GET /user/devices/{userId}`): none, as devices cannot
 * upload keys yet, so the list has never changed.
 *
 * @returns undefined when there is no such user here
 */
export async function deviceListOf(db: Database, userId: string): Promise<JsonObject | undefined> {
  return (await isActive(db, userId)) ? { user_id: userId, stream_id: 0, devices: [] } : undefined;
}

/** Device keys by user and device (Server-Server API, `POST /user/keys/query`). Whoever is no local user is left out. */
export async function deviceKeysOf(db: Database, userIds: readonly string[]): Promise<JsonObject> {
  const keys: JsonObject = Object.create(null);
  for (const userId of userIds) if (await isActive(db, userId)) keys[userId] = {};
  return keys;
}

async function isActive(db: Database, userId: string): Promise<boolean> {
  const account = isCompliantUserId(userId) ? await findAccount(db, userId) : undefined;
  return account !== undefined && !account.isDeactivated;
}
