import type { EventId } from '../protocol/event.ts';
import type { Queryable, Transaction } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

export function insertMissingPrevEvents(
  tx: Transaction,
  rows: readonly { readonly roomNid: number; readonly eventId: EventId; readonly referencedBy: number }[],
): void {
  if (rows.length === 0) return;
  tx.enqueue(
    `INSERT INTO missing_prev_events (room_nid, event_id, referenced_by)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING`,
    [rows.map((row) => row.roomNid), rows.map((row) => toStoredText(row.eventId)), rows.map((row) => row.referencedBy)],
  );
}

/** The events have arrived: nothing is missing there any more. */
export function removeMissingPrevEvents(tx: Transaction, eventIds: readonly EventId[]): void {
  if (eventIds.length === 0) return;
  tx.enqueue('DELETE FROM missing_prev_events WHERE event_id = ANY ($1::text[])', [eventIds.map(toStoredText)]);
}

/** Where the history of a room goes on elsewhere: the missing events at the oldest end of its timeline. */
export async function oldestGaps(db: Queryable, roomNid: number, limit: number): Promise<EventId[]> {
  const rows = await db.query<{ event_id: string }>(
    `SELECT m.event_id FROM missing_prev_events m JOIN events e ON e.nid = m.referenced_by
     WHERE m.room_nid = $1 AND e.position IS NOT NULL GROUP BY m.event_id ORDER BY min(e.position) LIMIT $2`,
    [roomNid, limit],
  );
  return rows.map((row) => fromStoredText(row.event_id) as EventId);
}

/** Of the given events, those that some event of ours already names as previous. */
export async function referencedEvents(db: Queryable, eventIds: readonly EventId[]): Promise<Set<EventId>> {
  if (eventIds.length === 0) return new Set();
  const rows = await db.query<{ event_id: string }>(
    'SELECT DISTINCT event_id FROM missing_prev_events WHERE event_id = ANY ($1::text[])',
    [eventIds.map(toStoredText)],
  );
  return new Set(rows.map((row) => fromStoredText(row.event_id) as EventId));
}
