import type { EventId } from '../protocol/event.ts';
import type { Queryable, Transaction } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** An event of a room that we lack, and the nid of one of ours that names it as previous. */
export interface MissingPrevEvent {
  readonly roomNid: number;
  readonly eventId: EventId;
  readonly referencedBy: number;
  /** The event that names it is part of what led to the room's present, so history goes on there. */
  readonly leadsBack: boolean;
}

export function insertMissingPrevEvents(tx: Transaction, rows: readonly MissingPrevEvent[]): void {
  if (rows.length === 0) return;
  tx.enqueue(
    `INSERT INTO missing_prev_events (room_nid, event_id, referenced_by, leads_back)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::boolean[]) ON CONFLICT DO NOTHING`,
    [
      rows.map((row) => row.roomNid),
      rows.map((row) => toStoredText(row.eventId)),
      rows.map((row) => row.referencedBy),
      rows.map((row) => row.leadsBack),
    ],
  );
}

const FILL = `WITH arrived AS (DELETE FROM missing_prev_events m USING unnest($1::bigint[], $2::text[]) AS a (room_nid, event_id)
    WHERE m.room_nid = a.room_nid AND m.event_id = a.event_id RETURNING m.referenced_by, m.event_id),
  edges AS (SELECT arrived.referenced_by, array_agg(e.nid) AS nids FROM arrived JOIN events e USING (event_id)
    GROUP BY arrived.referenced_by)
  UPDATE events SET prev_events = prev_events || edges.nids FROM edges WHERE events.nid = edges.referenced_by`;

/** The events have arrived and are stored: the edges to them are drawn, and nothing is missing there any more. */
export function fillMissingPrevEvents(
  tx: Transaction,
  arrived: readonly { readonly roomNid: number; readonly eventId: EventId }[],
): void {
  if (arrived.length === 0) return;
  tx.enqueue(FILL, [arrived.map((event) => event.roomNid), arrived.map((event) => toStoredText(event.eventId))]);
}

/**
 * Where the history of a room goes on elsewhere: missing events, those at the oldest end of its timeline first. Behind events
 * of that history which were refused it goes on too.
 */
export async function oldestGaps(db: Queryable, roomNid: number, limit: number): Promise<EventId[]> {
  const rows = await db.query<{ event_id: string }>(
    `SELECT m.event_id FROM missing_prev_events m JOIN events e ON e.nid = m.referenced_by
     WHERE m.room_nid = $1 AND m.leads_back GROUP BY m.event_id ORDER BY min(e.position) NULLS LAST, m.event_id LIMIT $2`,
    [roomNid, limit],
  );
  return rows.map((row) => fromStoredText(row.event_id) as EventId);
}

/** Those of the events, none of which we hold, that history has led to: something that we built upon came after them. */
export async function missingFromHistory(
  db: Queryable,
  roomNid: number,
  eventIds: readonly EventId[],
): Promise<Set<EventId>> {
  const rows = await db.query<{ event_id: string }>(
    'SELECT event_id FROM missing_prev_events WHERE room_nid = $1 AND event_id = ANY ($2::text[]) AND leads_back',
    [roomNid, eventIds.map(toStoredText)],
  );
  return new Set(rows.map((row) => fromStoredText(row.event_id) as EventId));
}
