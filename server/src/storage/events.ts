import type { EventId, Pdu, UserId } from '../protocol/event.ts';
import { parseStoredJson } from '../protocol/json-parser.ts';
import { boolArray, int8Array, textArray } from './binary-arrays.ts';
import type { Queryable, Transaction } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

/**
 * How an event came through admission. `accepted` ones make up state and timeline; `soft_failed` ones are part of the graph
 * but not shown; `rejected` ones break the auth rules; `outlier`s are held for their content alone (auth chains, invites).
 */
export type Admission = 'accepted' | 'soft_failed' | 'rejected' | 'outlier';

/** An event as a row, the PDU as canonical JSON. */
export interface EventRow {
  nid: number;
  eventId: EventId;
  roomNid: number;
  admission: Admission;
  type: string;
  stateKeyNid: number | null;
  sender: UserId;
  depth: number;
  originServerTs: number;
  local: boolean;
  prevEvents: readonly number[];
  authEvents: readonly number[];
  stateBefore: number | null;
  stateAfter: number | null;
  roomState: number | null;
  relatesTo: string | null;
  relationType: string | null;
  deviceId: string | null;
  transactionId: string | null;
  reason: string | null;
  pdu: string;
}

/** An event read back. */
export interface StoredEvent {
  readonly nid: number;
  readonly eventId: EventId;
  readonly roomNid: number;
  /** Place in the room's timeline, ascending; null where it has none. */
  readonly position: number | null;
  readonly admission: Admission;
  readonly sender: UserId;
  readonly stateKeyNid: number | null;
  readonly depth: number;
  readonly prevEvents: readonly number[];
  readonly authEvents: readonly number[];
  readonly stateBefore: number | null;
  readonly stateAfter: number | null;
  readonly roomState: number | null;
  readonly redactedBy: number | null;
  /** Why it was rejected or soft-failed. */
  readonly reason: string | null;
  readonly deviceId: string | null;
  readonly transactionId: string | null;
  readonly pdu: Pdu;
}

interface Row {
  nid: number;
  event_id: EventId;
  room_nid: number;
  position: number | null;
  admission: Admission;
  sender: UserId;
  state_key_nid: number | null;
  depth: number;
  prev_events: number[];
  auth_events: number[];
  state_before: number | null;
  state_after: number | null;
  room_state: number | null;
  redacted_by: number | null;
  reason: string | null;
  device_id: string | null;
  transaction_id: string | null;
  pdu: string;
}

const COLUMNS = `e.nid, e.event_id, e.room_nid, e.position, e.admission, e.sender, e.state_key_nid, e.depth, e.prev_events,
  e.auth_events, e.state_before, e.state_after, e.room_state, e.redacted_by, e.reason, e.device_id, e.transaction_id, e.pdu`;

function fromRow(row: Row): StoredEvent {
  return {
    nid: row.nid,
    eventId: fromStoredText(row.event_id) as EventId,
    roomNid: row.room_nid,
    position: row.position,
    admission: row.admission,
    sender: fromStoredText(row.sender) as UserId,
    stateKeyNid: row.state_key_nid,
    depth: row.depth,
    prevEvents: row.prev_events,
    authEvents: row.auth_events,
    stateBefore: row.state_before,
    stateAfter: row.state_after,
    roomState: row.room_state,
    redactedBy: row.redacted_by,
    reason: row.reason,
    deviceId: row.device_id,
    transactionId: row.transaction_id,
    pdu: parseStoredJson(row.pdu) as Pdu,
  };
}

/** Events as rows of parameters 1 to 21: see `eventColumns`. */
export const EVENT_ROWS = `unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
  $9::bigint[], $10::boolean[], $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[], $16::text[], $17::text[],
  $18::text[], $19::text[], $20::text[], $21::text[]) WITH ORDINALITY AS e (nid, event_id, room_nid, admission, type,
  state_key_nid, sender, depth, origin_server_ts, local, prev_events, auth_events, state_before, state_after, room_state,
  relates_to, relation_type, device_id, transaction_id, reason, pdu, n)`;

/** Writes rows of `EVENT_ROWS`; their position is yet to be named. */
export const INTO_EVENTS = `INSERT INTO events (nid, event_id, room_nid, admission, type, state_key_nid, sender, depth, origin_server_ts,
  local, prev_events, auth_events, state_before, state_after, room_state, relates_to, relation_type, device_id, transaction_id,
  reason, pdu, position)
  SELECT e.nid, e.event_id, e.room_nid, e.admission::admission, e.type, e.state_key_nid, e.sender, e.depth, e.origin_server_ts, e.local,
  e.prev_events::bigint[], e.auth_events::bigint[], e.state_before, e.state_after, e.room_state, e.relates_to, e.relation_type,
  e.device_id, e.transaction_id, e.reason, e.pdu`;

export function eventColumns(events: readonly EventRow[]): unknown[] {
  return [
    int8Array(events.map((event) => event.nid)),
    textArray(events.map((event) => toStoredText(event.eventId))),
    int8Array(events.map((event) => event.roomNid)),
    textArray(events.map((event) => event.admission)),
    textArray(events.map((event) => toStoredText(event.type))),
    int8Array(events.map((event) => event.stateKeyNid)),
    textArray(events.map((event) => toStoredText(event.sender))),
    int8Array(events.map((event) => event.depth)),
    int8Array(events.map((event) => event.originServerTs)),
    boolArray(events.map((event) => event.local)),
    textArray(events.map((event) => `{${event.prevEvents.join(',')}}`)),
    textArray(events.map((event) => `{${event.authEvents.join(',')}}`)),
    int8Array(events.map((event) => event.stateBefore)),
    int8Array(events.map((event) => event.stateAfter)),
    int8Array(events.map((event) => event.roomState)),
    textArray(events.map((event) => (event.relatesTo === null ? null : toStoredText(event.relatesTo)))),
    textArray(events.map((event) => (event.relationType === null ? null : toStoredText(event.relationType)))),
    textArray(events.map((event) => event.deviceId)),
    textArray(events.map((event) => (event.transactionId === null ? null : toStoredText(event.transactionId)))),
    textArray(events.map((event) => event.reason)),
    textArray(events.map((event) => event.pdu)),
  ];
}

/**
 * An event that was held without a place in the graph and now gets one keeps its nid, which others refer to already. The room
 * is locked, so none can race. Where servers choose ids (room versions 1 and 2), one may be used in two rooms at the same
 * moment: then the later transaction fails, by a room id that may not be null.
 */
const PROMOTE = `ON CONFLICT (event_id) DO UPDATE SET position = excluded.position, admission = excluded.admission,
  room_nid = CASE WHEN events.room_nid = excluded.room_nid THEN events.room_nid END, local = excluded.local, prev_events = excluded.prev_events, auth_events = excluded.auth_events,
  state_before = excluded.state_before, state_after = excluded.state_after, room_state = excluded.room_state,
  reason = excluded.reason
  WHERE (events.position IS NULL AND events.state_after IS NULL AND excluded.admission <> 'outlier')
  OR events.room_nid <> excluded.room_nid`;

const INSERT_LIVE = `WITH head AS (UPDATE log_head SET position = position + cardinality($1::bigint[]) RETURNING position),
  e AS MATERIALIZED (SELECT e.*, head.position - cardinality($1::bigint[]) + e.n AS position FROM head, ${EVENT_ROWS}),
  written AS (${INTO_EVENTS}, e.position FROM e ${PROMOTE}),
  logged AS (INSERT INTO log (position, kind, room_nid, user_id, ref)
    SELECT e.position, 'event', e.room_nid, member.user_id, e.nid FROM e
    LEFT JOIN unnest($1::bigint[], $22::text[]) AS member (nid, user_id) ON member.nid = e.nid)
  SELECT position, pg_notify('log', $23) FROM head`;

/**
 * Writes accepted events at the end of their rooms' timelines and of the log, in the order given. Takes the lock on the
 * head of the log: only statements that store the positions may follow in the transaction. Not waited for: see `enqueue`.
 *
 * @param members for membership events the user whose membership it is, else null; in the order of `events`
 * @param origin of the follower that gets the rows from its own process: see `LogFollower.origin`
 * @returns log position of the first event, known once the transaction has committed; the others follow one by one
 */
export function insertLiveEvents(
  tx: Transaction,
  events: readonly EventRow[],
  members: readonly (string | null)[],
  origin: string,
): Promise<number> {
  const written = tx
    .query<{ position: number }>(INSERT_LIVE, [...eventColumns(events), textArray(members), origin])
    .then(([head]) => {
      if (head === undefined) throw new Error('log_head has no row');
      return head.position - events.length + 1;
    });
  // If it fails the commit fails too, with the error that the caller gets to see.
  written.catch(() => {});
  return written;
}

const INSERT_ASIDE = `${INTO_EVENTS}, NULL FROM ${EVENT_ROWS} ${PROMOTE}`;

/** Writes events that have no place in the timeline: outliers, rejected and soft-failed ones. Those in the graph stay as they are. */
export function insertEventsAside(tx: Transaction, events: readonly EventRow[]): void {
  if (events.length > 0) tx.enqueue(INSERT_ASIDE, eventColumns(events));
}

const INSERT_BACKFILLED = `${INTO_EVENTS}, nextval('backfill_positions') FROM (SELECT * FROM ${EVENT_ROWS} ORDER BY n) e ${PROMOTE}`;

/** Writes events from before our history. @param events newest first: each gets a position before the last one */
export function insertBackfilledEvents(tx: Transaction, events: readonly EventRow[]): void {
  if (events.length > 0) tx.enqueue(INSERT_BACKFILLED, eventColumns(events));
}

/** Events read at a time: parsing those of a large room's state in one go would hold up everything else. */
const AT_ONCE = 500;

async function inBatches<K>(db: Queryable, sql: string, keys: readonly K[]): Promise<StoredEvent[]> {
  const wanted = [...new Set(keys)];
  const events: StoredEvent[] = [];
  for (let start = 0; start < wanted.length; start += AT_ONCE)
    for (const row of await db.query<Row>(sql, [wanted.slice(start, start + AT_ONCE)])) events.push(fromRow(row));
  return events;
}

export async function eventsByNid(db: Queryable, nids: readonly number[]): Promise<StoredEvent[]> {
  return await inBatches(db, `SELECT ${COLUMNS} FROM events e WHERE e.nid = ANY ($1::bigint[])`, nids);
}

export async function eventsById(db: Queryable, ids: readonly string[]): Promise<StoredEvent[]> {
  const sql = `SELECT ${COLUMNS} FROM events e WHERE e.event_id = ANY ($1::text[])`;
  return await inBatches(db, sql, ids.map(toStoredText));
}

/** The event of this id in this room, whatever its admission. */
export async function eventInRoom(db: Queryable, roomNid: number, eventId: string): Promise<StoredEvent | undefined> {
  const rows = await db.query<Row>(`SELECT ${COLUMNS} FROM events e WHERE e.event_id = $1 AND e.room_nid = $2`, [
    toStoredText(eventId),
    roomNid,
  ]);
  return rows[0] === undefined ? undefined : fromRow(rows[0]);
}

export interface TimelineSpan {
  /** Exclusive lower bound; null for none. */
  readonly after: number | null;
  /** Inclusive upper bound; null for none. */
  readonly upTo: number | null;
  readonly limit: number;
}

const BACKWARDS = `SELECT ${COLUMNS} FROM events e WHERE e.room_nid = $1 AND e.position IS NOT NULL
  AND e.position > coalesce($2::bigint, -9223372036854775808) AND e.position <= coalesce($3::bigint, 9223372036854775807)
  ORDER BY e.position DESC LIMIT $4`;
const FORWARDS = BACKWARDS.replace('DESC', 'ASC');

/** Events of a room's timeline within the span, newest first. */
export async function timelineBackwards(db: Queryable, roomNid: number, span: TimelineSpan): Promise<StoredEvent[]> {
  return (await db.query<Row>(BACKWARDS, [roomNid, span.after, span.upTo, span.limit])).map(fromRow);
}

/** Events of a room's timeline within the span, oldest first. */
export async function timelineForwards(db: Queryable, roomNid: number, span: TimelineSpan): Promise<StoredEvent[]> {
  return (await db.query<Row>(FORWARDS, [roomNid, span.after, span.upTo, span.limit])).map(fromRow);
}

const BY_TIME_FORWARDS = `SELECT ${COLUMNS} FROM events e WHERE e.room_nid = $1 AND e.position IS NOT NULL
  AND e.origin_server_ts >= $2 ORDER BY e.origin_server_ts, e.position OFFSET $3 LIMIT $4`;
const BY_TIME_BACKWARDS = `SELECT ${COLUMNS} FROM events e WHERE e.room_nid = $1 AND e.position IS NOT NULL
  AND e.origin_server_ts <= $2 ORDER BY e.origin_server_ts DESC, e.position DESC OFFSET $3 LIMIT $4`;

/** Events of a room's timeline at or after a moment (`f`), or at or before it (`b`), the closest first. @param ts in ms since 1970 */
export async function timelineByTime(
  db: Queryable,
  roomNid: number,
  span: { readonly ts: number; readonly dir: 'f' | 'b'; readonly offset: number; readonly limit: number },
): Promise<StoredEvent[]> {
  const sql = span.dir === 'f' ? BY_TIME_FORWARDS : BY_TIME_BACKWARDS;
  return (await db.query<Row>(sql, [roomNid, span.ts, span.offset, span.limit])).map(fromRow);
}

const LATEST_OF_ROOMS = `SELECT ${COLUMNS} FROM unnest($1::bigint[], $2::bigint[]) AS wanted (room_nid, after)
  CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.room_nid = wanted.room_nid AND e.position IS NOT NULL
    AND e.position > coalesce(wanted.after, -9223372036854775808) AND e.position <= $3 ORDER BY e.position DESC LIMIT $4) e
  ORDER BY e.room_nid, e.position DESC`;

/** The newest events of many rooms at once, up to a position. @returns per room, newest first */
export async function latestOfRooms(
  db: Queryable,
  rooms: readonly { readonly roomNid: number; readonly after: number | null }[],
  upTo: number,
  limit: number,
): Promise<Map<number, StoredEvent[]>> {
  const found = new Map<number, StoredEvent[]>(rooms.map((room) => [room.roomNid, []]));
  if (rooms.length === 0) return found;
  const values = [rooms.map((room) => room.roomNid), rooms.map((room) => room.after), upTo, limit];
  for (const row of await db.query<Row>(LATEST_OF_ROOMS, values)) found.get(row.room_nid)?.push(fromRow(row));
  return found;
}

/** Soft-failed and rejected events are walked through so far at most: whoever makes chains of them must not cost more. */
const MOST_UNACCEPTED = 10_000;
const BEHIND_UNACCEPTED = `WITH RECURSIVE unaccepted AS (
    SELECT nid, prev_events FROM events WHERE nid = ANY ($1::bigint[]) AND admission IN ('soft_failed', 'rejected')
      AND NOT EXISTS (SELECT FROM told_states t WHERE t.event_nid = events.nid)
    UNION
    SELECT e.nid, e.prev_events FROM unaccepted u JOIN events e ON e.nid = ANY (u.prev_events)
    WHERE e.admission IN ('soft_failed', 'rejected') AND NOT EXISTS (SELECT FROM told_states t WHERE t.event_nid = e.nid))
  SELECT DISTINCT unnest(prev_events) AS nid FROM (SELECT prev_events FROM unaccepted LIMIT $2) walked`;

/**
 * Nids of what comes before those of the given events that were not accepted, through further ones that were not. Those whose
 * state was told end it: what they follow may not be in the state after them (A1.12).
 */
export async function behindUnaccepted(db: Queryable, nids: readonly number[]): Promise<number[]> {
  if (nids.length === 0) return [];
  return (await db.query<{ nid: number }>(BEHIND_UNACCEPTED, [nids, MOST_UNACCEPTED])).map((row) => row.nid);
}

/** Event ids by nid. */
export async function eventIdsOf(db: Queryable, nids: readonly number[]): Promise<Map<number, EventId>> {
  if (nids.length === 0) return new Map();
  const sql = 'SELECT nid, event_id FROM events WHERE nid = ANY ($1::bigint[])';
  const rows = await db.query<{ nid: number; event_id: string }>(sql, [nids]);
  return new Map(rows.map((row) => [row.nid, fromStoredText(row.event_id) as EventId]));
}
