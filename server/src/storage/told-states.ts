import type { EventId } from '../protocol/event.ts';
import type { Queryable, Transaction } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** An event whose state before it was told by another server, in place of an event that could not be had. */
export interface ToldState {
  readonly eventNid: number;
  readonly roomNid: number;
  readonly missing: EventId;
}

export function insertToldStates(tx: Transaction, rows: readonly ToldState[]): void {
  if (rows.length === 0) return;
  tx.enqueue(
    `INSERT INTO told_states (event_nid, room_nid, missing)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) ON CONFLICT DO NOTHING`,
    [rows.map((row) => row.eventNid), rows.map((row) => row.roomNid), rows.map((row) => toStoredText(row.missing))],
  );
}

/** How far back is looked, and for how many: every event of another server that is about to be rejected may cost as much. */
const MOST_LOOKED_AT = 500;
const MOST_MISSING = 100;
const BEHIND = `WITH RECURSIVE back (nid) AS (
    SELECT unnest($1::bigint[])
    UNION SELECT unnest(e.prev_events) FROM back JOIN events e ON e.nid = back.nid)
  SELECT DISTINCT t.missing FROM (SELECT nid FROM back LIMIT ${MOST_LOOKED_AT}) walked
    JOIN told_states t ON t.event_nid = walked.nid
  WHERE EXISTS (SELECT FROM told_states WHERE room_nid = $2) LIMIT ${MOST_MISSING}`;

/** The events that told states stand in for, of the given events and of those not far before them. */
export async function toldInPlaceBehind(db: Queryable, roomNid: number, nids: readonly number[]): Promise<EventId[]> {
  const rows = await db.query<{ missing: string }>(BEHIND, [nids, roomNid]);
  return rows.map((row) => fromStoredText(row.missing) as EventId);
}

/** States that are compared with what has arrived in their place: whoever tells more of them makes work, not sense. */
export const MOST_TOLD_STATES = 20;

/**
 * States that were told, of accepted events, in place of one that they name as previous: ids of snapshots, one more than
 * `MOST_TOLD_STATES` at most.
 */
export async function statesToldInPlaceOf(db: Queryable, roomNid: number, eventId: EventId): Promise<number[]> {
  const rows = await db.query<{ state_before: number }>(
    `SELECT DISTINCT e.state_before FROM missing_prev_events m
     JOIN told_states t ON t.event_nid = m.referenced_by AND t.missing = m.event_id
     JOIN events e ON e.nid = t.event_nid
     WHERE m.room_nid = $1 AND m.event_id = $2 AND e.admission = 'accepted' AND e.state_before IS NOT NULL
     LIMIT ${MOST_TOLD_STATES + 1}`,
    [roomNid, toStoredText(eventId)],
  );
  return rows.map((row) => row.state_before);
}

/** Those of the events whose state was told. */
export async function withToldState(db: Queryable, nids: readonly number[]): Promise<Set<number>> {
  const sql = 'SELECT DISTINCT event_nid FROM told_states WHERE event_nid = ANY ($1::bigint[])';
  return new Set((await db.query<{ event_nid: number }>(sql, [nids])).map((row) => row.event_nid));
}
