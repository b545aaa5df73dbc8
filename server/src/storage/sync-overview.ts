import type { RoomId, UserId } from '../protocol/event.ts';
import type { Queryable } from './database.ts';
import type { MembershipState } from './memberships.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** One room of a user as `/sync` starts from it. */
export interface SyncRoom {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly version: string;
  readonly membership: MembershipState;
  /** Membership event, and who sent it. */
  readonly eventNid: number;
  readonly sender: UserId;
  /** Log position of the membership. */
  readonly position: number;
  /** Timeline position at which the user last stopped being joined. */
  readonly leftPosition: number | null;
  /** Log position of the change with which they became joined; null where they are not. */
  readonly joinedPosition: number | null;
  readonly strippedState: string | null;
  /** Snapshot of the room's current state; null where we hold no graph of it. */
  readonly currentState: number | null;
  /** Position of the room's newest event. */
  readonly lastPosition: number;
  /** Snapshot of the state that the room had at `since`; null where there was none, or nothing has happened in the room since. */
  readonly stateAtSince: number | null;
  /** Position of the newest event that the room had at `since`; null like the state. */
  readonly positionAtSince: number | null;
}

export interface SyncOverview {
  /** Position of the log that all of this is true of. */
  readonly position: number;
  readonly rooms: readonly SyncRoom[];
}

interface Row {
  room_nid: number;
  room_id: RoomId;
  version: string;
  membership: MembershipState;
  event_nid: number;
  sender: string;
  position: number;
  left_position: number | null;
  joined_position: number | null;
  stripped_state: string | null;
  current_state: number | null;
  last_position: number;
  state_at_since: number | null;
  position_at_since: number | null;
}

/** A user without rooms has one row without a room. */
interface HeadRow extends Omit<Row, 'room_nid'> {
  head: number;
  room_nid: number | null;
}

const OVERVIEW = `SELECT h.position AS head, m.room_nid, r.room_id, r.version, m.membership, m.event_nid, m.sender, m.position,
    m.left_position, m.joined_position, m.stripped_state, r.current_state, r.last_position, s.room_state AS state_at_since,
    s.position AS position_at_since
  FROM log_head h LEFT JOIN memberships m ON m.user_id = $1 AND NOT m.forgotten
    AND (m.membership IN ('join', 'invite', 'knock') OR m.position > $2) LEFT JOIN rooms r ON r.nid = m.room_nid
  LEFT JOIN LATERAL (SELECT e.room_state, e.position FROM events e WHERE e.room_nid = m.room_nid AND e.position <= $3
    ORDER BY e.position DESC LIMIT 1) s ON r.last_position > $3`;

const TOUCHED = `SELECT m.room_nid, r.room_id, r.version, m.membership, m.event_nid, m.sender, m.position, m.left_position,
    m.joined_position, m.stripped_state, u.room_state AS current_state, u.position AS last_position,
    s.room_state AS state_at_since, s.position AS position_at_since
  FROM unnest($2::bigint[]) AS touched (room_nid) JOIN memberships m ON m.room_nid = touched.room_nid AND m.user_id = $1
    AND m.membership = 'join' JOIN rooms r ON r.nid = m.room_nid
  CROSS JOIN LATERAL (SELECT e.room_state, e.position FROM events e WHERE e.room_nid = m.room_nid AND e.position <= $4
    ORDER BY e.position DESC LIMIT 1) u
  LEFT JOIN LATERAL (SELECT e.room_state, e.position FROM events e WHERE e.room_nid = m.room_nid AND e.position <= $3
    ORDER BY e.position DESC LIMIT 1) s ON u.position > $3`;

/**
 * Those of the rooms given that the user has joined: the rooms as they were at the position `until`, and the membership as it is
 * now.
 */
export async function touchedRooms(
  db: Queryable,
  userId: UserId,
  roomNids: readonly number[],
  { since, until }: { readonly since: number; readonly until: number },
): Promise<SyncRoom[]> {
  if (roomNids.length === 0) return [];
  return (await db.query<Row>(TOUCHED, [toStoredText(userId), roomNids, since, until])).map(fromRow);
}

/**
 * The user's rooms and the position of the log, as of one moment: one statement sees one snapshot of the database.
 *
 * @param span.leftAfter rooms that the user left up to this position are left out
 * @param span.since undefined: no state before is asked for
 */
export async function syncOverview(
  db: Queryable,
  userId: UserId,
  { leftAfter, since }: { readonly leftAfter: number; readonly since: number | undefined },
): Promise<SyncOverview> {
  const rows = await db.query<HeadRow>(OVERVIEW, [toStoredText(userId), leftAfter, since ?? null]);
  const rooms = rows.flatMap((row) => (row.room_nid === null ? [] : [fromRow({ ...row, room_nid: row.room_nid })]));
  return { position: rows[0]?.head ?? 0, rooms };
}

function fromRow(row: Row): SyncRoom {
  return {
    roomNid: row.room_nid,
    roomId: row.room_id,
    version: row.version,
    membership: row.membership,
    eventNid: row.event_nid,
    sender: fromStoredText(row.sender) as UserId,
    position: row.position,
    leftPosition: row.left_position,
    joinedPosition: row.joined_position,
    strippedState: row.stripped_state,
    currentState: row.current_state,
    lastPosition: row.last_position,
    stateAtSince: row.state_at_since,
    positionAtSince: row.position_at_since,
  };
}

/** Snapshot of each room's state at a log position; rooms without an event up to there are left out. */
export async function roomStatesAt(
  db: Queryable,
  roomNids: readonly number[],
  position: number,
): Promise<Map<number, number>> {
  if (roomNids.length === 0) return new Map();
  const rows = await db.query<{ room_nid: number; room_state: number | null }>(
    `SELECT wanted.room_nid, e.room_state FROM unnest($1::bigint[]) AS wanted (room_nid) CROSS JOIN LATERAL (
       SELECT room_state FROM events WHERE room_nid = wanted.room_nid AND position <= $2 ORDER BY position DESC LIMIT 1) e`,
    [roomNids, position],
  );
  return new Map(rows.flatMap((row) => (row.room_state === null ? [] : [[row.room_nid, row.room_state] as const])));
}
