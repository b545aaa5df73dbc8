import type { ServerName, UserId } from '../protocol/event.ts';
import type { Queryable } from './database.ts';
import { fromStoredText } from './text.ts';

/** The last change of a local user's devices, as another server is told of it. */
export interface PendingDeviceList {
  readonly userId: UserId;
  readonly deviceId: string;
  /** Version of the list, and the version before. */
  readonly position: number;
  readonly previousPosition: number;
  /** Whether the device is gone. */
  readonly isDeleted: boolean;
  readonly displayName: string | null;
  /** Position in the log at which the server had to be told. */
  readonly at: number;
}

const PENDING = `WITH told AS (
    SELECT d.user_id, d.position AS at FROM device_lists d
    WHERE d.position > $3 AND d.position <= $4 AND right(d.user_id, length($2) + 1) = ':' || $2
      AND EXISTS (SELECT 1 FROM memberships m JOIN room_servers s USING (room_nid) WHERE m.user_id = d.user_id
        AND m.membership = 'join' AND s.server = $1 AND s.joined_members > 0 AND d.position > s.since_position)
    UNION ALL
    SELECT m.user_id, m.joined_position FROM room_servers s
    JOIN memberships m ON m.room_nid = s.room_nid AND m.position > $3 AND m.server = $2 AND m.membership = 'join'
    WHERE s.server = $1 AND s.joined_members > 0
      AND m.joined_position > $3 AND m.joined_position <= $4 AND m.joined_position >= s.since_position),
  pending AS (SELECT user_id, max(at) AS at FROM told GROUP BY user_id ORDER BY at LIMIT $5)
  SELECT p.at, d.user_id, d.device_id, d.position, d.previous_position, v.device_id IS NULL AS is_deleted, v.display_name
  FROM pending p JOIN device_lists d USING (user_id) LEFT JOIN devices v USING (user_id, device_id) ORDER BY p.at`;

interface Row {
  at: number;
  user_id: string;
  device_id: string;
  position: number;
  previous_position: number;
  is_deleted: boolean;
  display_name: string | null;
}

/**
 * Users of ours whose devices changed after `since` and up to `upTo`, or who came to a room of the server then, of those that
 * share a room with it. Whoever was there when the server came is not among them: it asks when it needs to know.
 */
export async function pendingDeviceLists(
  db: Queryable,
  server: ServerName,
  ownServer: ServerName,
  span: { readonly since: number; readonly upTo: number; readonly limit: number },
): Promise<PendingDeviceList[]> {
  const rows = await db.query<Row>(PENDING, [server, ownServer, span.since, span.upTo, span.limit]);
  return rows.map((row) => ({
    userId: fromStoredText(row.user_id) as UserId,
    deviceId: fromStoredText(row.device_id),
    position: row.position,
    previousPosition: row.previous_position,
    isDeleted: row.is_deleted,
    displayName: row.display_name,
    at: row.at,
  }));
}

/** Other servers that share a room with one of the users. */
export async function serversSharingWith(
  db: Queryable,
  ownServer: ServerName,
  userIds: readonly string[],
): Promise<ServerName[]> {
  const rows = await db.query<{ server: string }>(
    `SELECT DISTINCT s.server FROM memberships m JOIN room_servers s USING (room_nid)
     WHERE m.user_id = ANY ($1::text[]) AND m.membership = 'join' AND s.server <> $2 AND s.joined_members > 0`,
    [userIds, ownServer],
  );
  return rows.map((row) => row.server);
}

/** How far back changes are looked for that nobody may have been told of because a process ended. */
const LOOK_BACK = 10_000;

/** Users whose devices changed within the newest part of the log. */
export async function lastDeviceChanges(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ user_id: string }>(
    `SELECT DISTINCT user_id FROM log WHERE position > (SELECT position FROM log_head) - $1 AND kind = 'device_list'`,
    [LOOK_BACK],
  );
  return rows.map((row) => row.user_id);
}
