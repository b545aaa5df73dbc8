import type { EventId, ServerName } from '../protocol/event.ts';
import { parseStoredJson } from '../protocol/json-parser.ts';
import type { Queryable } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** A key that an event was signed with and that we lack. */
export interface LackedKey {
  readonly serverName: ServerName;
  /** Any of these will do. */
  readonly keyIds: readonly string[];
  /** When it has to be valid, in milliseconds since the epoch; undefined where that does not matter. */
  readonly validAt: number | undefined;
}

/** An event that builds on something that we lack, or whose signature cannot be verified yet. */
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
  readonly key?: LackedKey;
}

/** One that is to be looked at again. */
export interface DuePdu {
  readonly eventId: EventId;
  readonly origin: ServerName;
  /** The PDU as it was kept. */
  readonly pdu: unknown;
  /** It has been looked at as often as it may be, this time included. */
  readonly isLastTry: boolean;
  /** It has waited for as long as it may. */
  readonly isTooOld: boolean;
}

/** Waiting events that one server may have brought of one room, and of all rooms together. */
const MOST_OF_ROOM = 50;
const MOST_OF_SERVER = 500;
/** How often an event is looked at again, and when its server is first asked anew. Then it takes four times as long each time. */
const MOST_TRIES = 5;
const FIRST_RETRY_MS = 60_000;
/**
 * How long an event waits, however seldom somebody could be asked for what is missing: a server that broke over a holiday has
 * been mended by then. What one says that was away for longer builds on the event, and brings it along.
 */
const LONGEST_MS = 7 * 86_400_000;
/** Events looked at in one go. */
const MOST_AT_ONCE = 20;

const KEEP = `INSERT INTO waiting_pdus (room_nid, event_id, origin, pdu, prev_events, auth_events, key_server, key_ids, key_valid_at,
    kept_ts, next_try_ts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  ON CONFLICT (room_nid, event_id, origin) DO UPDATE SET pdu = excluded.pdu, prev_events = excluded.prev_events,
    auth_events = excluded.auth_events, key_server = excluded.key_server, key_ids = excluded.key_ids,
    key_valid_at = excluded.key_valid_at`;
const CUT = `DELETE FROM waiting_pdus WHERE (room_nid, event_id, origin) IN (
  SELECT room_nid, event_id, origin FROM (
    SELECT room_nid, event_id, origin,
      row_number() OVER (PARTITION BY room_nid ORDER BY tries, kept_ts DESC, event_id) AS in_room,
      row_number() OVER (ORDER BY tries, kept_ts DESC, event_id) AS in_all FROM waiting_pdus WHERE origin = $1) ranked
  WHERE in_room > $2 OR in_all > $3)`;

/**
 * Keeps an event until what it builds on, or the key that it was signed with, is here. A server that brings too many of them
 * loses its own: those that have been looked at most often, then the oldest.
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
    pdu.key?.serverName ?? null,
    pdu.key?.keyIds.map(toStoredText) ?? null,
    pdu.key?.validAt ?? null,
    now,
    now + FIRST_RETRY_MS,
  ]);
  await db.query(CUT, [origin, MOST_OF_ROOM, MOST_OF_SERVER]);
}

const TAKE = `WITH due AS (
    SELECT w.event_id, w.origin FROM waiting_pdus w CROSS JOIN LATERAL (SELECT
      NOT EXISTS (SELECT FROM unnest(w.prev_events) AS prev (id) LEFT JOIN events e
        ON e.event_id = prev.id AND e.room_nid = w.room_nid WHERE e.state_after IS NULL)
      AND NOT EXISTS (SELECT FROM unnest(w.auth_events) AS auth (id) LEFT JOIN events e
        ON e.event_id = auth.id AND e.room_nid = w.room_nid WHERE e.admission IS NULL OR e.admission = 'outlier')
      AND (w.key_server IS NULL OR EXISTS (SELECT FROM server_keys k WHERE k.server_name = w.key_server
        AND k.key_id = ANY (w.key_ids) AND k.valid_until >= coalesce(w.key_valid_at, k.valid_until))) AS all_of_it) held
    WHERE w.room_nid = $1 AND (held.all_of_it OR (w.origin = $2 AND w.next_try_ts <= $3::bigint))
    ORDER BY w.kept_ts, w.event_id LIMIT $4 FOR UPDATE OF w SKIP LOCKED)
  UPDATE waiting_pdus w SET tries = w.tries + 1, next_try_ts = $3::bigint + $5::bigint * (4 ^ (w.tries + 1))::bigint
  FROM due WHERE w.room_nid = $1 AND w.event_id = due.event_id AND w.origin = due.origin
  RETURNING w.event_id, w.origin, w.pdu, w.tries, w.kept_ts`;

/**
 * Takes waiting events of a room to look at them again: those whose missing pieces have all arrived, so that nobody has to be
 * asked, and of those that `origin` brought the ones for which it may be asked once more. Whoever takes one drops it when it
 * need not wait any longer, puts it back where nobody could be asked, or leaves it for the next time. Those that wait for longest
 * come first: where the first question ends the asking, it must be about what the others build on.
 *
 * @param now in milliseconds since the epoch
 */
export async function takeWaitingPdus(
  db: Queryable,
  roomNid: number,
  origin: ServerName,
  now: number,
): Promise<DuePdu[]> {
  const rows = await db.query<{ event_id: string; origin: string; pdu: string; tries: number; kept_ts: number }>(TAKE, [
    roomNid,
    toStoredText(origin),
    now,
    MOST_AT_ONCE,
    FIRST_RETRY_MS,
  ]);
  return rows
    .toSorted((a, b) => a.kept_ts - b.kept_ts)
    .map((row) => ({
      eventId: fromStoredText(row.event_id) as EventId,
      origin: fromStoredText(row.origin) as ServerName,
      pdu: parseStoredJson(row.pdu),
      isLastTry: row.tries >= MOST_TRIES,
      isTooOld: now - row.kept_ts >= LONGEST_MS,
    }));
}

/** Puts an event back as if it had not been taken, for a while: nobody could be asked for what it waits for. */
export async function putBackWaitingPdu(
  db: Queryable,
  roomNid: number,
  { eventId, origin }: Pick<DuePdu, 'eventId' | 'origin'>,
  now: number,
): Promise<void> {
  const sql = `UPDATE waiting_pdus SET tries = greatest(tries - 1, 0), next_try_ts = $4
    WHERE room_nid = $1 AND event_id = $2 AND origin = $3`;
  await db.query(sql, [roomNid, toStoredText(eventId), toStoredText(origin), now + FIRST_RETRY_MS]);
}

const POSTPONE = `WITH away AS (SELECT w.room_nid, w.event_id, w.origin, o.wait_ms
    FROM unnest($1::text[], $2::bigint[]) AS o (origin, wait_ms) JOIN waiting_pdus w USING (origin)
    WHERE w.next_try_ts <= $3::bigint AND w.key_server IS NULL AND w.kept_ts > $3::bigint - $4::bigint
    FOR UPDATE OF w SKIP LOCKED)
  UPDATE waiting_pdus w SET next_try_ts = $3::bigint + away.wait_ms FROM away
  WHERE w.room_nid = away.room_nid AND w.event_id = away.event_id AND w.origin = away.origin`;

/**
 * Puts off what it would be time for until the servers may be asked that brought it. What waits for a key does not wait for them,
 * and what has waited for too long is not put off any more.
 *
 * @param waits in milliseconds
 * @param now in milliseconds since the epoch
 */
export async function postponeWaiting(
  db: Queryable,
  waits: ReadonlyMap<ServerName, number>,
  now: number,
): Promise<void> {
  if (waits.size === 0) return;
  await db.query(POSTPONE, [[...waits.keys()].map(toStoredText), [...waits.values()], now, LONGEST_MS]);
}

/** Where events wait that are to be looked at again. */
export interface WaitingPlace {
  readonly roomNid: number;
  /** Server for which `takeWaitingPdus` gives them out. */
  readonly server: ServerName;
}

const DUE = `SELECT DISTINCT ON (w.origin) w.origin AS server, w.room_nid AS "roomNid" FROM (
    SELECT origin, room_nid, next_try_ts FROM waiting_pdus WHERE next_try_ts <= $1
    ORDER BY next_try_ts LIMIT $2) w
  ORDER BY w.origin, w.next_try_ts`;
const MOST_DUE = 5_000;

/**
 * Rooms in which it is time to look again for what events wait for: one of each server that brought such events, so that
 * whoever brings many delays only their own.
 *
 * @param now in milliseconds since the epoch
 */
export async function dueWaiting(db: Queryable, now: number): Promise<WaitingPlace[]> {
  const rows = await db.query<WaitingPlace>(DUE, [now, MOST_DUE]);
  return rows.map(({ roomNid, server }) => ({ roomNid, server: fromStoredText(server) }));
}

const READY = `SELECT DISTINCT w.room_nid AS "roomNid", w.key_server AS server FROM waiting_pdus w
  WHERE w.key_server = ANY ($1::text[]) AND EXISTS (SELECT FROM server_keys k WHERE k.server_name = w.key_server
    AND k.key_id = ANY (w.key_ids) AND k.valid_until >= coalesce(w.key_valid_at, k.valid_until))`;

/** Rooms in which events wait for keys of the servers that are here now. */
export async function readyByKeys(db: Queryable, servers: readonly ServerName[]): Promise<WaitingPlace[]> {
  return await db.query<WaitingPlace>(READY, [servers]);
}

/** Lets go of an event that is here now, or that need not be waited for any longer, as one server has brought it. */
export async function dropWaitingPdu(
  db: Queryable,
  roomNid: number,
  eventId: EventId,
  origin: ServerName,
): Promise<void> {
  const sql = 'DELETE FROM waiting_pdus WHERE room_nid = $1 AND event_id = $2 AND origin = $3';
  await db.query(sql, [roomNid, toStoredText(eventId), toStoredText(origin)]);
}
