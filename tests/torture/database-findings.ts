import { openDatabase } from '../../server/src/storage/database.ts';
import type { Figure } from './scenario.ts';

/** What must hold in every database at any time: each query answers the violations, one text per row. */
const INVARIANTS: readonly [string, string][] = [
  [
    'gaps in the log',
    `SELECT 'positions ' || (previous + 1) || ' to ' || (position - 1) AS violation
     FROM (SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS previous FROM log) positions
     WHERE position <> previous + 1`,
  ],
  [
    'log head that is not the last position',
    `SELECT 'head ' || position AS violation FROM log_head
     WHERE position <> (SELECT coalesce(max(position), 0) FROM log)`,
  ],
  [
    'events of the timeline that the log does not hold',
    `SELECT e.event_id AS violation FROM events e
     WHERE e.position > 0
       AND NOT EXISTS (SELECT FROM log l WHERE l.position = e.position AND l.kind = 'event' AND l.ref = e.nid)`,
  ],
  [
    'entries of the log without their event',
    `SELECT 'position ' || l.position AS violation FROM log l
     WHERE l.kind = 'event' AND NOT EXISTS (SELECT FROM events e WHERE e.nid = l.ref AND e.position = l.position)`,
  ],
  [
    'positions of two events',
    'SELECT position::text AS violation FROM events WHERE position IS NOT NULL GROUP BY position HAVING count(*) > 1',
  ],
  [
    'forward extremities that another event refers to',
    `SELECT e.event_id AS violation FROM rooms r, unnest(r.extremities) AS extremity JOIN events e ON e.nid = extremity
     WHERE EXISTS (SELECT FROM events later WHERE later.room_nid = r.nid AND later.admission = 'accepted'
       AND e.nid = ANY (later.prev_events))`,
  ],
  [
    'forward extremities that were not accepted',
    `SELECT r.room_id AS violation FROM rooms r, unnest(r.extremities) AS extremity
     WHERE NOT EXISTS (SELECT FROM events e WHERE e.nid = extremity AND e.admission = 'accepted')`,
  ],
  [
    'state made of events that were rejected',
    `SELECT e.event_id AS violation FROM current_state s JOIN events e ON e.nid = s.event_nid
     WHERE e.admission = 'rejected'`,
  ],
];

/** Checks a database while nothing writes to it. All figures are counts that must be zero. */
export async function judgeDatabase(url: string): Promise<{ figures: Figure[]; examples: string[] }> {
  const db = openDatabase({ connection: url, poolSize: 1 });
  const figures: Figure[] = [];
  const examples: string[] = [];
  try {
    for (const [name, query] of INVARIANTS) {
      const rows = await db.query<{ violation: string }>(query);
      figures.push({ name, value: rows.length, unit: 'rows', max: 0 });
      examples.push(...rows.slice(0, 3).map((row) => `${name}: ${row.violation}`));
    }
  } finally {
    await db.close();
  }
  return { figures, examples };
}
