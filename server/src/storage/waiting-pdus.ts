import type { EventId, ServerName } from '../protocol/event.ts';
import { parseStoredJson } from '../protocol/json-parser.ts';
import type { Queryable } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** An event that builds on something that we lack. */
export interface WaitingPdu {
  readonly roomNid: number;
  readonly eventId: EventId;
  /** Server that brought it. */
  readonly origin: ServerName;
  /** The PDU as JSON text. */
  readonly json: string;
  /** Events that must have a place in the graph. */
  readonly prevEvents: readonly EventId[];
  readonly authEvents: readonly EventId[];
}

/** One that is to be looked at again. */
export interface DuePdu {
  readonly eventId: EventId;
  readonly origin: ServerName;
  /** The PDU as it was kept. */
  readonly pdu: unknown;
  /** It has been looked at as often as it may be. */
  readonly isLastTry: boolean;
}

/** Waiting events that one server may have brought of one room, and of all rooms together. */
const MOST_OF_ROOM = 50;
const MOST_OF_SERVER = 500;
/** How often an event is looked at again, and when its server is first asked anew. Then it takes four times as long each time. */
const MOST_TRIES = 5;
const FIRST_RETRY_MS = 60_000;
/** Events looked at in one go. */
const MOST_AT_ONCE = 20;

const KEEP = `INSERT INTO waiting_pdus (room_nid, event_id, origin, pdu, prev_events, auth_events, next_try_ts)
  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`;
const CUT = `DELETE FROM waiting_pdus WHERE (room_nid, event_id) IN (
  SELECT room_nid, event_id FROM (
    SELECT room_nid, event_id, row_number() OVER (PARTITION BY room_nid ORDER BY tries, next_try_ts DESC, event_id) AS in_room,
      row_number() OVER (ORDER BY tries, next_try_ts DESC, event_id) AS in_all FROM waiting_pdus WHERE origin = $1) ranked
  WHERE in_room > $2 OR in_all > $3)`;

/**
 * Keeps an event until what it builds on is here. A server that brings too many of them loses its own: those that have been
 * looked at most often, then the oldest.
 *
 * @param now in milliseconds since the epoch
 */
export async function keepWaitingPdu(db: Queryable, pdu: WaitingPdu, now: number): Promise<void> {
  const origin = toStoredText(pdu.origin);
  await db.query(KEEP, [
    pdu.roomNid,
    toStoredText(pdu.eventId),
    origin,
    pdu.json,
    pdu.prevEvents.map(toStoredText),
    pdu.authEvents.map(toStoredText),
    now + FIRST_RETRY_MS,
  ]);
  await db.query(CUT, [origin, MOST_OF_ROOM, MOST_OF_SERVER]);
}

const TAKE = `WITH due AS (
    SELECT w.event_id FROM waiting_pdus w CROSS JOIN LATERAL (SELECT
      NOT EXISTS (SELECT FROM unnest(w.prev_events) AS prev (id) LEFT JOIN events e
        ON e.event_id = prev.id AND e.room_nid = w.room_nid WHERE e.state_after IS NULL)
      AND NOT EXISTS (SELECT FROM unnest(w.auth_events) AS auth (id) LEFT JOIN events e
        ON e.event_id = auth.id AND e.room_nid = w.room_nid WHERE e.admission IS NULL OR e.admission = 'outlier') AS all_of_it) held
    WHERE w.room_nid = $1 AND (held.all_of_it OR (w.origin = $2 AND w.next_try_ts <= $3::bigint))
    ORDER BY w.tries, w.event_id LIMIT $4 FOR UPDATE OF w SKIP LOCKED)
  UPDATE waiting_pdus w SET tries = w.tries + 1, next_try_ts = $3::bigint + $5::bigint * (4 ^ (w.tries + 1))::bigint
  FROM due WHERE w.room_nid = $1 AND w.event_id = due.event_id
  RETURNING w.event_id, w.origin, w.pdu, w.tries`;

/**
 * Takes waiting events of a room to look at them again: those whose missing pieces have all arrived, so that nobody has to be
 * asked, and of those that `origin` brought the ones for which it may be asked once more. Whoever takes one drops it when it
 * need not wait any longer, or leaves it for the next time.
 *
 * @param now in milliseconds since the epoch
 */
export async function takeWaitingPdus(
  db: Queryable,
  roomNid: number,
  origin: ServerName,
  now: number,
): Promise<DuePdu[]> {
  const rows = await db.query<{ event_id: string; origin: string; pdu: string; tries: number }>(TAKE, [
    roomNid,
    toStoredText(origin),
    now,
    MOST_AT_ONCE,
    FIRST_RETRY_MS,
  ]);
  return rows.map((row) => ({
    eventId: fromStoredText(row.event_id) as EventId,
    origin: fromStoredText(row.origin) as ServerName,
    pdu: parseStoredJson(row.pdu),
    isLastTry: row.tries >= MOST_TRIES,
  }));
}

/** Lets go of an event that is here now, or that need not be waited for any longer. */
export async function dropWaitingPdu(db: Queryable, roomNid: number, eventId: EventId): Promise<void> {
  await db.query('DELETE FROM waiting_pdus WHERE room_nid = $1 AND event_id = $2', [roomNid, toStoredText(eventId)]);
}
