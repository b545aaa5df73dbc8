import type { Queryable, Transaction } from './database.ts';

/** Without it no state can be replayed. */
export const STATES_ARE_THERE = 'every state that events, rooms and other states name is there';

/** What must be true of every database at any time, as SQL: each query answers the violations, one text per row. */
export const INVARIANTS: readonly { readonly name: string; readonly query: string }[] = [
  {
    name: 'the log has no gap behind its first position',
    query: `SELECT 'positions ' || (previous + 1) || ' to ' || (position - 1) AS violation
      FROM (SELECT position, lag(position) OVER (ORDER BY position) AS previous FROM log) positions
      WHERE previous IS NOT NULL AND position <> previous + 1`,
  },
  {
    name: 'the head of the log is its last position',
    query: `SELECT 'head ' || position AS violation FROM log_head
      WHERE position <> (SELECT coalesce(max(position), log_head.position) FROM log)`,
  },
  {
    name: 'every event of a timeline has its position to itself',
    query: `SELECT 'position ' || position AS violation FROM events WHERE position IS NOT NULL
      GROUP BY position HAVING count(*) > 1`,
  },
  {
    name: 'every event of a timeline is in the log, at its position',
    query: `SELECT e.event_id AS violation FROM events e WHERE e.position > (SELECT coalesce(min(position), 0) - 1 FROM log)
      AND NOT EXISTS (SELECT FROM log l WHERE l.position = e.position AND l.kind = 'event' AND l.ref = e.nid)`,
  },
  {
    name: 'every event in the log is that of a timeline, or has no place in one',
    query: `SELECT 'position ' || l.position AS violation FROM log l LEFT JOIN events e ON e.nid = l.ref
      WHERE l.kind = 'event' AND (e.nid IS NULL OR e.position > 0 AND e.position <> l.position)`,
  },
  {
    name: 'only accepted events are in a timeline',
    query: `SELECT event_id AS violation FROM events WHERE position IS NOT NULL AND admission <> 'accepted'`,
  },
  {
    // What was soft-failed here counts where others have built on it: then it is in the state before their events.
    name: 'state is made of accepted events only, and of soft-failed ones that others have built on',
    query: `SELECT e.event_id AS violation FROM current_state s JOIN events e ON e.nid = s.event_nid
      WHERE e.admission <> 'accepted' AND NOT (e.admission = 'soft_failed' AND EXISTS (SELECT FROM events later
        WHERE later.room_nid = e.room_nid AND e.nid = ANY (later.prev_events)))`,
  },
  {
    name: STATES_ARE_THERE,
    query: `SELECT 'snapshot ' || named.id AS violation FROM (SELECT state_before AS id FROM events UNION SELECT state_after FROM events
        UNION SELECT current_state FROM rooms UNION SELECT parent FROM state_snapshots) named
      WHERE named.id IS NOT NULL AND NOT EXISTS (SELECT FROM state_snapshots s WHERE s.id = named.id)`,
  },
  {
    name: 'no state, past or present, holds what was rejected or stands under another key',
    query: `SELECT 'snapshot ' || s.id || ', event ' || entry.event_nid AS violation
      FROM state_snapshots s, unnest(s.state_key_nids, s.event_nids) AS entry (state_key_nid, event_nid)
      LEFT JOIN events e ON e.nid = entry.event_nid WHERE entry.event_nid <> 0 AND (e.nid IS NULL
        OR e.admission IN ('rejected', 'outlier') OR e.state_key_nid IS DISTINCT FROM entry.state_key_nid)`,
  },
  {
    name: 'state stands under the key of its event',
    query: `SELECT e.event_id AS violation FROM current_state s JOIN events e ON e.nid = s.event_nid
      WHERE e.state_key_nid IS DISTINCT FROM s.state_key_nid OR e.room_nid <> s.room_nid`,
  },
  {
    name: 'forward extremities are the accepted events of the graph that no other names as previous',
    query: `WITH RECURSIVE named AS (SELECT unnest(prev_events) AS nid FROM events
        WHERE admission = 'accepted' AND state_after IS NOT NULL
        UNION SELECT unnest(e.prev_events) FROM named JOIN events e ON e.nid = named.nid
        WHERE e.admission IN ('soft_failed', 'rejected')
        AND NOT EXISTS (SELECT FROM told_states t WHERE t.event_nid = e.nid)),
      leaves AS (SELECT e.room_nid, e.nid, e.position < 0 OR EXISTS (SELECT FROM missing_prev_events m
          JOIN events later ON later.nid = m.referenced_by
          WHERE m.room_nid = e.room_nid AND m.leads_back AND later.position > e.position) AS continues_elsewhere
        FROM events e WHERE e.admission = 'accepted' AND e.state_after IS NOT NULL
        AND NOT EXISTS (SELECT FROM named WHERE named.nid = e.nid)),
      extremities AS (SELECT r.nid AS room_nid, unnest(r.extremities) AS nid FROM rooms r)
      SELECT 'event ' || coalesce(l.nid, x.nid) || CASE WHEN x.nid IS NULL THEN ' is missing' ELSE ' is none' END AS violation
      FROM leaves l FULL JOIN extremities x USING (room_nid, nid)
      WHERE (x.nid IS NULL AND NOT l.continues_elsewhere)
        -- What a told state stood in for may stay an end of the graph, so that it is not lost.
        OR (l.nid IS NULL AND NOT EXISTS (SELECT FROM told_states t JOIN events e ON e.nid = t.event_nid
          WHERE t.room_nid = x.room_nid AND x.nid = ANY (e.prev_events)))`,
  },
  {
    name: 'who is joined to a room or banned there is so by the current state, and the other way round',
    query: `WITH stated AS (SELECT s.room_nid, k.state_key AS user_id, e.nid,
        CASE WHEN strpos(e.pdu, '\\u') = 0 THEN e.pdu::json #>> '{content,membership}' END AS membership -- Else json may refuse it.
        FROM current_state s JOIN state_keys k ON k.nid = s.state_key_nid JOIN events e ON e.nid = s.event_nid
        WHERE k.type = 'm.room.member'),
      kept AS (SELECT m.room_nid, m.user_id, m.event_nid, m.membership FROM memberships m JOIN rooms r ON r.nid = m.room_nid
        WHERE r.current_state IS NOT NULL)
      SELECT 'room ' || room_nid || ' ' || user_id AS violation FROM stated FULL JOIN kept USING (room_nid, user_id)
      WHERE (stated.membership IN ('join', 'ban') OR kept.membership IN ('join', 'ban'))
        AND (stated.nid IS DISTINCT FROM kept.event_nid OR stated.membership <> kept.membership)`,
  },
  {
    name: 'servers in a room have as many members as are counted',
    query: `SELECT r.room_nid || ' ' || r.server AS violation FROM room_servers r WHERE r.joined_members <> (SELECT count(*)
      FROM memberships m WHERE m.room_nid = r.room_nid AND m.server = r.server AND m.membership = 'join')`,
  },
  {
    name: 'state events that others can rest upon have their places in the auth chains',
    query: `SELECT e.event_id AS violation FROM events e WHERE e.state_key_nid IS NOT NULL
      AND e.admission IN ('accepted', 'soft_failed') AND NOT EXISTS (SELECT FROM auth_chains c WHERE c.event_nid = e.nid)`,
  },
  {
    // If each event leads to all of its auth events and to nothing else, then so do chains of them.
    name: 'auth chains lead to the auth events of their events, and to nothing else',
    query: `SELECT coalesce(e.event_id, 'event ' || c.event_nid) AS violation FROM auth_chains c
      LEFT JOIN events e ON e.nid = c.event_nid AND e.state_key_nid IS NOT NULL
      LEFT JOIN auth_chains previous ON previous.chain = c.chain AND previous.sequence = c.sequence - 1
      WHERE e.nid IS NULL OR (c.sequence = 1) <> (c.chain = c.event_nid) OR NOT c.links <@ e.auth_events
      OR (c.sequence <> 1 AND (previous.event_nid = ANY (e.auth_events)) IS NOT TRUE)
      OR EXISTS (SELECT FROM unnest(c.links) AS link (nid) WHERE link.nid NOT IN (SELECT event_nid FROM auth_chains))
      OR EXISTS (SELECT FROM unnest(e.auth_events) AS auth (nid) WHERE auth.nid <> ALL (c.links)
        AND auth.nid IS DISTINCT FROM previous.event_nid AND NOT EXISTS (SELECT FROM events other
          WHERE other.nid = ANY (e.auth_events) AND auth.nid = ANY (other.auth_events)))`,
  },
  {
    name: 'what is missing is not here',
    query: `SELECT m.event_id AS violation FROM missing_prev_events m
      JOIN events e ON e.event_id = m.event_id AND e.room_nid = m.room_nid
      WHERE e.admission IN ('accepted', 'soft_failed') AND e.state_after IS NOT NULL`,
  },
];

/** To be called first: the transaction sees the database as it is now, changes nothing, and may read whole tables. */
export async function readWithoutHaste(tx: Transaction): Promise<void> {
  await tx.script(`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
    SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL work_mem = '64MB'`);
}

/**
 * A rule that cannot be checked, because what is stored as an event is no JSON, counts as broken.
 *
 * @returns the first violations, as texts, and how many there are
 */
export async function checkInvariant(tx: Transaction, query: string): Promise<{ examples: string[]; count: number }> {
  const sql = `SELECT violation, count(*) OVER () AS count FROM (${query}) violations LIMIT 10`;
  await tx.script('SAVEPOINT rule');
  try {
    const rows = await tx.query<{ violation: string; count: number }>(sql);
    return { examples: rows.map((row) => row.violation), count: rows[0]?.count ?? 0 };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    await tx.script('ROLLBACK TO SAVEPOINT rule');
    return { examples: ['cannot be checked: an event is no JSON'], count: 1 };
  }
}

/** SQLSTATE "invalid text representation". */
function isUnreadable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22P02';
}

/** Nids of events after one, in their order: for reading all of them page by page. */
export async function eventNidsAfter(db: Queryable, after: number, limit: number): Promise<number[]> {
  const sql = 'SELECT nid FROM events WHERE nid > $1 ORDER BY nid LIMIT $2';
  return (await db.query<{ nid: number }>(sql, [after, limit])).map((row) => row.nid);
}

/** What an event needs of one that it names. */
export interface NamedEvent {
  readonly eventId: string;
  readonly stateAfter: number | null;
}

export async function namedEvents(db: Queryable, nids: readonly number[]): Promise<Map<number, NamedEvent>> {
  const sql = 'SELECT nid, event_id, state_after FROM events WHERE nid = ANY ($1::bigint[])';
  const rows = await db.query<{ nid: number; event_id: string; state_after: number | null }>(sql, [nids]);
  return new Map(rows.map((row) => [row.nid, { eventId: row.event_id, stateAfter: row.state_after }]));
}

/** Current state of a room as pairs of state key and event. */
export async function currentStatePairs(db: Queryable, roomNid: number): Promise<Map<number, number>> {
  const sql = 'SELECT state_key_nid, event_nid FROM current_state WHERE room_nid = $1';
  const rows = await db.query<{ state_key_nid: number; event_nid: number }>(sql, [roomNid]);
  return new Map(rows.map((row) => [row.state_key_nid, row.event_nid]));
}

/** A room whose graph we hold. */
export interface RoomWithState {
  readonly nid: number;
  readonly roomId: string;
  /** Snapshot of its current state. */
  readonly state: number;
  /** Snapshots after its forward extremities. */
  readonly endStates: readonly number[];
}

/** Those after one, in their order. */
export async function roomsWithStateAfter(db: Queryable, after: number, limit: number): Promise<RoomWithState[]> {
  const sql = `SELECT nid, room_id, current_state, ARRAY(SELECT DISTINCT e.state_after FROM events e
      WHERE e.nid = ANY (r.extremities) AND e.state_after IS NOT NULL) AS end_states
    FROM rooms r WHERE current_state IS NOT NULL AND nid > $1 ORDER BY nid LIMIT $2`;
  const values = [after, limit];
  const rows = await db.query<{ nid: number; room_id: string; current_state: number; end_states: number[] }>(
    sql,
    values,
  );
  return rows.map((row) => ({
    nid: row.nid,
    roomId: row.room_id,
    state: row.current_state,
    endStates: row.end_states,
  }));
}
