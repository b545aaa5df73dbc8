import type { EventId, RoomId, ServerName, UserId } from '../protocol/event.ts';
import type { Queryable } from './database.ts';
import { fromStoredText } from './text.ts';

/**
 * What other servers must get from us. Nothing is queued anywhere: each destination has a position in the log up to which
 * everything has been delivered, and what lies behind it in the rooms that the destination is in, or was in until then, is
 * still to be sent.
 */

/** Where the delivery to a destination stands, in log positions. */
export interface DeliveryState {
  /** Everything up to here has been delivered. */
  readonly sentPosition: number;
  /** End of the transaction that was being tried last; null when there is none. */
  readonly sendingPosition: number | null;
}

export interface PendingPdu {
  readonly eventId: EventId;
  readonly position: number;
  readonly roomVersion: string;
  /** The PDU in canonical JSON. */
  readonly json: string;
}

export interface PendingReceipt {
  readonly roomId: RoomId;
  readonly userId: UserId;
  /** 'main', the event id of a thread's root, or '' for an unthreaded receipt. */
  readonly threadId: string;
  readonly eventId: EventId;
  /** When the user read it, in milliseconds since 1970. */
  readonly ts: number;
  readonly position: number;
}

const BEHIND = `SELECT s.server FROM rooms r
  JOIN room_servers s ON s.room_nid = r.nid
  LEFT JOIN destinations d ON d.server_name = s.server
  WHERE s.server <> $1 AND r.last_local_position > greatest(d.sent_position, s.since_position)
    AND (s.until_position IS NULL OR s.until_position > coalesce(d.sent_position, 0))`;
// Two statements rather than one with a condition: it would be planned once for both, and read all rooms either way.
const BEHIND_IN_ROOMS = `${BEHIND} AND r.nid = ANY ($2::bigint[]) GROUP BY s.server`;
const ALL_BEHIND = `${BEHIND}
  UNION
  SELECT m.server FROM memberships m
  JOIN events e ON e.nid = m.event_nid AND e.local
  LEFT JOIN destinations d ON d.server_name = m.server
  WHERE m.server <> $1 AND m.membership IN ('leave', 'ban') AND m.position > coalesce(d.sent_position, 0)`;

/**
 * Servers that may lack events of ours in the given rooms. Those whose users were removed without having a member in the room
 * are found for all rooms only: see `localAmong`.
 * @param roomNids null for all rooms
 */
export async function destinationsBehind(
  db: Queryable,
  ownServer: ServerName,
  roomNids: readonly number[] | null,
): Promise<ServerName[]> {
  const rows =
    roomNids === null
      ? await db.query<{ server: string }>(ALL_BEHIND, [ownServer])
      : await db.query<{ server: string }>(BEHIND_IN_ROOMS, [ownServer, roomNids]);
  return rows.map((row) => row.server);
}

/** Which of the events are ours to send. */
export async function localAmong(db: Queryable, eventNids: readonly number[]): Promise<Set<number>> {
  if (eventNids.length === 0) return new Set();
  const sql = 'SELECT nid FROM events WHERE nid = ANY ($1::bigint[]) AND local';
  return new Set((await db.query<{ nid: number }>(sql, [eventNids])).map((row) => row.nid));
}

/** Other servers with a member in each of the rooms; rooms with none of them are left out. */
export async function remoteServers(
  db: Queryable,
  ownServer: ServerName,
  roomNids: readonly number[],
): Promise<{ roomNid: number; roomId: RoomId; server: ServerName }[]> {
  return await db.query(
    `SELECT s.room_nid AS "roomNid", r.room_id AS "roomId", s.server FROM room_servers s JOIN rooms r ON r.nid = s.room_nid
     WHERE s.room_nid = ANY ($2::bigint[]) AND s.server <> $1 AND s.joined_members > 0`,
    [ownServer, roomNids],
  );
}

export async function deliveryState(db: Queryable, server: ServerName): Promise<DeliveryState> {
  const [row] = await db.query<DeliveryState>(
    `SELECT sent_position AS "sentPosition", sending_position AS "sendingPosition" FROM destinations WHERE server_name = $1`,
    [server],
  );
  return row ?? { sentPosition: 0, sendingPosition: null };
}

const PENDING_PDUS = `SELECT e.event_id, e.position, e.pdu, r.version FROM (
    (SELECT e.nid, e.position FROM room_servers s
    JOIN rooms r ON r.nid = s.room_nid AND r.last_local_position > greatest($2, s.since_position)
    CROSS JOIN LATERAL (
      SELECT e.nid, e.position FROM events e
      WHERE e.room_nid = s.room_nid AND e.local AND e.position > greatest($2, s.since_position)
        AND e.position <= least($3, s.until_position) AND right(e.sender, length($1) + 1) <> ':' || $1
      ORDER BY e.position LIMIT $4) e
    WHERE s.server = $1 AND (s.until_position IS NULL OR s.until_position > $2)
    ORDER BY e.position LIMIT $4)
    UNION
    (SELECT e.nid, e.position FROM memberships m JOIN events e ON e.nid = m.event_nid AND e.local
    WHERE m.server = $1 AND m.membership IN ('leave', 'ban') AND m.position > $2 AND m.position <= $3
      AND right(e.sender, length($1) + 1) <> ':' || $1
    ORDER BY m.position LIMIT $4)
    ORDER BY position LIMIT $4) pending
  JOIN events e ON e.nid = pending.nid JOIN rooms r ON r.nid = e.room_nid ORDER BY e.position`;

/**
 * Events of ours after `since` and up to `upTo` that the server must get, in the order of the log. The event that took its last
 * member out of a room is the last one of that room. Where a user of it was invited, and the invite has been taken back, it
 * is told that alone.
 */
export async function pendingPdus(
  db: Queryable,
  server: ServerName,
  span: { readonly since: number; readonly upTo: number; readonly limit: number },
): Promise<PendingPdu[]> {
  const rows = await db.query<{ event_id: string; position: number; pdu: string; version: string }>(PENDING_PDUS, [
    server,
    span.since,
    span.upTo,
    span.limit,
  ]);
  return rows.map((row) => ({
    eventId: fromStoredText(row.event_id) as EventId,
    position: row.position,
    roomVersion: row.version,
    json: row.pdu,
  }));
}

const PENDING_RECEIPTS = `SELECT r.room_id, c.user_id, c.thread_id, c.event_id, c.ts, c.position FROM room_servers s
  JOIN receipts c ON c.room_nid = s.room_nid AND c.position > greatest($3, s.since_position) AND c.position <= $4
  JOIN rooms r ON r.nid = s.room_nid
  WHERE s.server = $1 AND s.joined_members > 0 AND ($6::bigint[] IS NULL OR s.room_nid = ANY ($6))
    AND c.receipt_type = 'm.read' AND right(c.user_id, length($2) + 1) = ':' || $2
  ORDER BY c.position LIMIT $5`;

/**
 * Public read receipts of our users after `since` and up to `upTo`, in the rooms that the server is in.
 * @param roomNids null for all rooms
 */
export async function pendingReceipts(
  db: Queryable,
  server: ServerName,
  ownServer: ServerName,
  span: { readonly since: number; readonly upTo: number; readonly limit: number },
  roomNids: readonly number[] | null,
): Promise<PendingReceipt[]> {
  const rows = await db.query<{
    room_id: RoomId;
    user_id: string;
    thread_id: string;
    event_id: string;
    ts: number;
    position: number;
  }>(PENDING_RECEIPTS, [server, ownServer, span.since, span.upTo, span.limit, roomNids]);
  return rows.map((row) => ({
    roomId: row.room_id,
    userId: fromStoredText(row.user_id) as UserId,
    threadId: fromStoredText(row.thread_id),
    eventId: fromStoredText(row.event_id) as EventId,
    ts: row.ts,
    position: row.position,
  }));
}

// Losing one of these writes in a crash of the database repeats a transaction, which the peer recognises. So they need not
// wait for the disk, as the messages themselves do.
const WITHOUT_WAITING = `WITH soon AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))`;

/** Notes the end of the transaction that is about to be tried, so that it is repeated as it was after a crash. */
export async function markSending(db: Queryable, server: ServerName, upTo: number): Promise<void> {
  await db.query(
    `${WITHOUT_WAITING} INSERT INTO destinations (server_name, sending_position) SELECT $1, $2 FROM soon
     ON CONFLICT (server_name) DO UPDATE SET sending_position = excluded.sending_position`,
    [server, upTo],
  );
}

/** Notes that everything up to the position has been delivered, or given up. It never moves back. */
export async function markSent(db: Queryable, server: ServerName, upTo: number): Promise<void> {
  await db.query(
    `${WITHOUT_WAITING} INSERT INTO destinations AS d (server_name, sent_position) SELECT $1, $2 FROM soon
     ON CONFLICT (server_name) DO UPDATE
       SET sent_position = greatest(d.sent_position, excluded.sent_position), sending_position = NULL`,
    [server, upTo],
  );
}
