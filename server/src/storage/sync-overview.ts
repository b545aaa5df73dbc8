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
}

export interface SyncOverview {
  /** Position of the log that all of this is true of. */
  readonly position: number;
  readonly rooms: readonly SyncRoom[];
}

interface Row {
  head: number;
  room_nid: number | null;
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
}

const OVERVIEW = `SELECT h.position AS head, m.room_nid, r.room_id, r.version, m.membership, m.event_nid, m.sender, m.position,
    m.left_position, m.joined_position, m.stripped_state, r.current_state, r.last_position
  FROM log_head h LEFT JOIN memberships m ON m.user_id = $1 AND NOT m.forgotten
    AND (m.membership IN ('join', 'invite', 'knock') OR m.position > $2) LEFT JOIN rooms r ON r.nid = m.room_nid`;

/**
 * The user's rooms and the position of the log, as of one moment: one statement sees one snapshot of the database.
 *
 * @param leftAfter rooms that the user left up to this position are left out
 */
export async function syncOverview(db: Queryable, userId: UserId, leftAfter: number): Promise<SyncOverview> {
  const rows = await db.query<Row>(OVERVIEW, [toStoredText(userId), leftAfter]);
  const rooms = rows.flatMap((row) =>
    row.room_nid === null
      ? []
      : [
          {
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
          },
        ],
  );
  return { position: rows[0]?.head ?? 0, rooms };
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
