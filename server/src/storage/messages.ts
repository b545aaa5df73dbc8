import { usableTokens } from './access-tokens.ts';
import { byteaArray, int8Array, textArray } from './binary-arrays.ts';
import type { Queryable } from './database.ts';
import { EVENT_ROWS, type EventRow, eventColumns, INTO_EVENTS } from './events.ts';
import type { HeadChange, RoomHeadRow } from './rooms.ts';

/** Messages of local users, to be written to the ends of their rooms. */
export interface MessageBatch {
  /** In the order of the timelines. */
  readonly events: readonly EventRow[];
  /** Of all rooms that get some: the heads on which the messages rest, and those that they make. */
  readonly rooms: readonly { readonly before: RoomHeadRow; readonly change: HeadChange }[];
  /** What the requests that sent them are known by. */
  readonly transactions: readonly { readonly key: Buffer; readonly eventId: string }[];
  /** Row ids of the access tokens that these requests came with, each once. */
  readonly tokens: readonly number[];
}

// The rooms are locked before the log, as everywhere; `checked` ends the statement unless all of them could be and all access
// tokens are good.
const WRITE = `WITH held AS MATERIALIZED (
    SELECT rooms.nid FROM rooms JOIN unnest($22::bigint[], $23::text[], $24::bigint[]) AS known (nid, extremities, current_state)
      ON rooms.nid = known.nid AND rooms.extremities = known.extremities::bigint[]
      AND rooms.current_state IS NOT DISTINCT FROM known.current_state
    ORDER BY rooms.nid FOR NO KEY UPDATE OF rooms SKIP LOCKED),
  checked AS MATERIALIZED (SELECT 1 / (count(*) = cardinality($22::bigint[])
      AND (SELECT count(*) FROM (${usableTokens('$31')}) usable) = cardinality($31::bigint[]))::int AS all_held FROM held),
  head AS (UPDATE log_head SET position = position + cardinality($1::bigint[])
    FROM checked WHERE checked.all_held = 1 RETURNING position),
  e AS MATERIALIZED (SELECT e.*, head.position - cardinality($1::bigint[]) + e.n AS position FROM head, ${EVENT_ROWS}),
  written AS (${INTO_EVENTS}, e.position FROM e),
  logged AS (INSERT INTO log (position, kind, room_nid, ref) SELECT e.position, 'event', e.room_nid, e.nid FROM e),
  keys AS (INSERT INTO client_transactions (key, event_id) SELECT * FROM unnest($25::bytea[], $26::text[])),
  heads AS (UPDATE rooms SET extremities = c.extremities::bigint[], depth = c.depth,
      last_position = head.position - cardinality($1::bigint[]) + c.last_place,
      last_local_position = head.position - cardinality($1::bigint[]) + c.last_place
    FROM head, unnest($22::bigint[], $27::text[], $28::bigint[], $29::bigint[]) AS c (nid, extremities, depth, last_place)
    WHERE rooms.nid = c.nid)
  SELECT position, pg_notify('log', $30) FROM head`;

/**
 * Writes messages in one statement, which is a transaction of its own: all of them or none.
 *
 * @param origin of the follower that gets the rows from its own process: see `LogFollower.origin`
 * @returns log position of the first event; the others follow one by one
 * @throws `isStale` when a room has another head than the one given, or is locked by somebody else, or when an access token has
 *   ended; a unique violation when a transaction key exists
 */
export async function writeMessages(db: Queryable, batch: MessageBatch, origin: string): Promise<number> {
  const { events, rooms, transactions, tokens } = batch;
  const [head] = await db.query<{ position: number }>(WRITE, [
    ...eventColumns(events),
    int8Array(rooms.map(({ before }) => before.nid)),
    textArray(rooms.map(({ before }) => `{${before.extremities.join(',')}}`)),
    int8Array(rooms.map(({ before }) => before.currentState)),
    byteaArray(transactions.map(({ key }) => key)),
    textArray(transactions.map(({ eventId }) => eventId)),
    textArray(rooms.map(({ change }) => `{${change.extremities.join(',')}}`)),
    int8Array(rooms.map(({ change }) => change.depth)),
    int8Array(rooms.map(({ change }) => change.lastPlace)),
    origin,
    int8Array(tokens),
  ]);
  if (head === undefined) throw new Error('log_head has no row');
  return head.position - events.length + 1;
}

/** Whether `writeMessages` has found a room changed or locked, or a token ended: nothing else here divides. */
export function isStale(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === DIVISION_BY_ZERO;
}

const DIVISION_BY_ZERO = '22012';
