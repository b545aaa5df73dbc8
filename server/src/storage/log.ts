import type { Transaction } from './database.ts';

/** What kinds of durable change the log holds. Each names the table that `ref` points into. */
export type LogKind = 'event' | 'receipt' | 'account_data' | 'to_device' | 'device_list' | 'profile';

export interface LogEntry {
  readonly kind: LogKind;
  /** Room that changed, where one did. */
  readonly roomNid?: number | null;
  /** User whose clients must see it: target of a membership, owner of account data, sender of a receipt. */
  readonly userId?: string | null;
  /** Row that changed, in the table of the kind. */
  readonly ref?: number | null;
}

const APPEND = `
WITH head AS (UPDATE log_head SET position = position + cardinality($1::text[]) RETURNING position),
rows AS (
  INSERT INTO log (position, kind, room_nid, user_id, ref)
  SELECT head.position - cardinality($1::text[]) + entry.n, entry.kind, entry.room_nid, entry.user_id, entry.ref
  FROM head, unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) WITH ORDINALITY AS entry (kind, room_nid, user_id, ref, n)
)
SELECT position, pg_notify('log', '') FROM head`;

/**
 * Appends to the log and answers the position of the first entry; the others follow without gaps. It takes the lock on the
 * head of the log, which is held until the commit: so a position is visible only when every smaller one is, and it must be
 * the **last or next to last statement** of the transaction, followed at most by the update that stores the positions.
 */
export async function appendLog(tx: Transaction, entries: readonly LogEntry[]): Promise<number> {
  const rows = await tx.query<{ position: number }>(APPEND, [
    entries.map((entry) => entry.kind),
    entries.map((entry) => entry.roomNid ?? null),
    entries.map((entry) => entry.userId ?? null),
    entries.map((entry) => entry.ref ?? null),
  ]);
  const head = rows[0];
  if (head === undefined) throw new Error('log_head has no row');
  return head.position - entries.length + 1;
}
