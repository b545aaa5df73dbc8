import { int8Array } from './binary-arrays.ts';
import type { Queryable, Transaction } from './database.ts';

export interface StateChange {
  readonly roomNid: number;
  readonly stateKeyNid: number;
  /** 0 when the key is gone. */
  readonly eventNid: number;
}

export function writeCurrentState(tx: Transaction, changes: readonly StateChange[]): void {
  const gone = changes.filter((change) => change.eventNid === 0);
  const set = changes.filter((change) => change.eventNid !== 0);
  if (gone.length > 0)
    tx.enqueue(
      `DELETE FROM current_state c USING unnest($1::bigint[], $2::bigint[]) AS g (room_nid, state_key_nid)
       WHERE c.room_nid = g.room_nid AND c.state_key_nid = g.state_key_nid`,
      [int8Array(gone.map((change) => change.roomNid)), int8Array(gone.map((change) => change.stateKeyNid))],
    );
  if (set.length > 0)
    tx.enqueue(
      `INSERT INTO current_state (room_nid, state_key_nid, event_nid) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
       ON CONFLICT (room_nid, state_key_nid) DO UPDATE SET event_nid = excluded.event_nid`,
      [
        int8Array(set.map((change) => change.roomNid)),
        int8Array(set.map((change) => change.stateKeyNid)),
        int8Array(set.map((change) => change.eventNid)),
      ],
    );
}

/** Events that hold the given keys now, in many rooms at once. */
export async function currentStateOf(
  db: Queryable,
  roomNids: readonly number[],
  stateKeyNids: readonly number[],
): Promise<{ roomNid: number; stateKeyNid: number; eventNid: number }[]> {
  if (roomNids.length === 0 || stateKeyNids.length === 0) return [];
  const rows = await db.query<{ room_nid: number; state_key_nid: number; event_nid: number }>(
    `SELECT room_nid, state_key_nid, event_nid FROM current_state
     WHERE room_nid = ANY ($1::bigint[]) AND state_key_nid = ANY ($2::bigint[])`,
    [roomNids, stateKeyNids],
  );
  return rows.map((row) => ({ roomNid: row.room_nid, stateKeyNid: row.state_key_nid, eventNid: row.event_nid }));
}

/** Events of the current state of one type, in several rooms. @param limit per room */
export async function currentStateOfType(
  db: Queryable,
  roomNids: readonly number[],
  type: string,
  limit: number,
): Promise<number[]> {
  if (roomNids.length === 0) return [];
  const rows = await db.query<{ event_nid: number }>(
    `SELECT c.event_nid FROM unnest($1::bigint[]) AS wanted (room_nid) CROSS JOIN LATERAL (
       SELECT event_nid FROM current_state JOIN state_keys k ON k.nid = state_key_nid
       WHERE room_nid = wanted.room_nid AND k.type = $2 ORDER BY state_key_nid LIMIT $3) c`,
    [roomNids, type, limit],
  );
  return rows.map((row) => row.event_nid);
}
