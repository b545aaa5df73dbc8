import type { ServerName, UserId } from '../protocol/event.ts';
import type { Queryable, Transaction } from './database.ts';
import { appendLog } from './log.ts';
import { fromStoredText, toStoredText } from './text.ts';

const RECORD = `INSERT INTO device_lists AS d (user_id, position, device_id, previous_position)
  SELECT u, p, $3, $4 FROM unnest($1::text[], $2::bigint[]) AS changed (u, p)
  ON CONFLICT (user_id) DO UPDATE SET position = excluded.position, device_id = excluded.device_id,
    previous_position = CASE WHEN excluded.previous_position > 0 THEN excluded.previous_position ELSE d.position END`;

/**
 * Notes that devices of a local user were added, renamed or deleted: the last thing in its transaction. Where there were
 * several, the change before the last is one that nobody was told of, so that other servers ask for the whole list.
 */
export async function recordDeviceChanges(
  tx: Transaction,
  userId: UserId,
  deviceIds: readonly string[],
): Promise<void> {
  const last = deviceIds.at(-1);
  if (last === undefined) return;
  const isOne = deviceIds.length === 1;
  const entry = { kind: 'device_list', userId } as const;
  const first = await appendLog(tx, isOne ? [entry] : [entry, entry]);
  tx.enqueue(RECORD, [[userId], [isOne ? first : first + 1], toStoredText(last), isOne ? 0 : first]);
}

/** Notes that the devices or keys of users of another server changed; at the end of a transaction. */
export async function recordRemoteDeviceChange(tx: Transaction, userId: UserId): Promise<void> {
  const stored = toStoredText(userId);
  const position = await appendLog(tx, [{ kind: 'device_list', userId: stored }]);
  tx.enqueue(RECORD, [[stored], [position], '', 0]);
}

/** Version of the device list of a user: the position of its last change, 0 where there was none. */
export async function deviceListPosition(db: Queryable, userId: UserId): Promise<number> {
  const sql = 'SELECT position FROM device_lists WHERE user_id = $1';
  return (await db.query<{ position: number }>(sql, [toStoredText(userId)]))[0]?.position ?? 0;
}

function users(rows: readonly { user_id: string }[]): UserId[] {
  return rows.map((row) => fromStoredText(row.user_id) as UserId);
}

const CHANGED = `SELECT d.user_id FROM device_lists d WHERE d.position > $2 AND d.position <= $3
  AND (d.user_id = $1 OR EXISTS (SELECT 1 FROM memberships a JOIN memberships b USING (room_nid)
    WHERE a.user_id = $1 AND a.membership = 'join' AND b.user_id = d.user_id AND b.membership = 'join'))`;

/** Users whose devices changed after `since` and up to `until`: the viewer, and those who share a room with them. */
export async function changedDeviceLists(
  db: Queryable,
  viewer: UserId,
  since: number,
  until: number,
): Promise<UserId[]> {
  return users(await db.query(CHANGED, [toStoredText(viewer), since, until]));
}

// Sharing a room counts in encrypted ones only.
const MOVED = `WITH encrypted AS (SELECT c.room_nid, e.position FROM current_state c JOIN events e ON e.nid = c.event_nid
    WHERE c.room_nid = ANY ($1::bigint[] || $2::bigint[])
      AND c.state_key_nid = (SELECT nid FROM state_keys WHERE type = 'm.room.encryption' AND state_key = ''))
  SELECT m.user_id FROM encrypted r JOIN memberships m ON m.room_nid = r.room_nid AND m.position > $3
    WHERE m.joined_position > $3 AND m.joined_position <= $4 OR m.joined_position IS NULL AND m.left_position > $3 AND m.left_position <= $4
  UNION
  SELECT m.user_id FROM encrypted r JOIN memberships m ON m.room_nid = r.room_nid AND m.membership = 'join'
    WHERE r.room_nid = ANY ($2::bigint[]) OR r.position > $3 AND r.position <= $4`;

/**
 * Whoever came to or went from encrypted rooms of the viewer after `since` and up to `until`, and who was in them when they became
 * encrypted.
 *
 * @param rooms.touched rooms that the viewer was in before and is in now
 * @param rooms.entered rooms that the viewer came to or left: all their members count
 */
export async function movedInEncryptedRooms(
  db: Queryable,
  rooms: { readonly touched: readonly number[]; readonly entered: readonly number[] },
  since: number,
  until: number,
): Promise<UserId[]> {
  return users(await db.query(MOVED, [rooms.touched, rooms.entered, since, until]));
}

const SHARING = `SELECT DISTINCT b.user_id FROM memberships a JOIN memberships b USING (room_nid)
  JOIN current_state c ON c.room_nid = a.room_nid
    AND c.state_key_nid = (SELECT nid FROM state_keys WHERE type = 'm.room.encryption' AND state_key = '')
  WHERE a.user_id = $1 AND a.membership = 'join' AND b.user_id = ANY ($2::text[]) AND b.membership = 'join'`;

/** Those of `userIds` who share an encrypted room with the viewer. */
export async function sharingEncryptedRooms(
  db: Queryable,
  viewer: UserId,
  userIds: readonly UserId[],
): Promise<Set<UserId>> {
  return new Set(users(await db.query(SHARING, [toStoredText(viewer), userIds.map(toStoredText)])));
}

/** Users of a server who share a room with one of `userIds`. */
export async function contactsOn(db: Queryable, server: ServerName, userIds: readonly string[]): Promise<Set<string>> {
  const sql = `SELECT DISTINCT b.user_id FROM memberships a JOIN memberships b USING (room_nid)
    WHERE a.user_id = ANY ($1::text[]) AND a.membership = 'join' AND b.membership = 'join' AND b.server = $2`;
  return new Set(users(await db.query(sql, [userIds, server])));
}
