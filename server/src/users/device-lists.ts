import type { ServerName, UserId } from '../protocol/event.ts';
import { isCompliantUserId } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { requireUserOf } from '../rooms/receive-edus.ts';
import { findAccount } from '../storage/accounts.ts';
import type { Database } from '../storage/database.ts';
import { contactsOn, deviceListPosition, recordRemoteDeviceChange } from '../storage/device-lists.ts';

/**
 * The devices of a local user that have identity keys (Server-Server API, `GET /user/devices/{userId}`): none, as devices cannot
 * upload keys yet. `stream_id` is that of the last change that other servers were told of.
 *
 * @returns undefined when there is no such user here
 */
export async function deviceListOf(db: Database, userId: string): Promise<JsonObject | undefined> {
  if (!(await isActive(db, userId))) return undefined;
  // The version first: a change in between makes the list newer than it says, and then it is asked for again.
  const version = await deviceListPosition(db, userId as UserId);
  return { user_id: userId, stream_id: version, devices: [] };
}

/**
 * Receives an `m.device_list_update` or `m.signing_key_update` EDU (Server-Server API, "Device Management" and "End-to-End
 * Encryption"): those who share a room with the user are told that something has changed. Nothing of what it says is kept, so
 * that no update can be missed or forged: whoever needs the keys asks the user's server.
 *
 * @throws MatrixError M_FORBIDDEN where the user is not of the server (A2.1)
 */
export async function receiveDeviceListUpdate(
  db: Database,
  ownServer: ServerName,
  origin: ServerName,
  edu: JsonObject,
): Promise<void> {
  const userId = requireUserOf(origin, edu.user_id);
  if ((await contactsOn(db, ownServer, [userId])).size === 0) return;
  await db.transaction(async (tx) => await recordRemoteDeviceChange(tx, userId));
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
