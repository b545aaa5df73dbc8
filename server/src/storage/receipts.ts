import type { UserId } from '../protocol/event.ts';
import type { Database, Queryable } from './database.ts';
import { appendLog } from './log.ts';
import { fromStoredText, toStoredText } from './text.ts';

export interface NewReceipt {
  readonly userId: UserId;
  readonly receiptType: string;
  /** 'main', the event id of a thread's root, or '' for an unthreaded receipt. */
  readonly threadId: string;
  readonly eventId: string;
  /** Timeline position of the event; null where we do not hold it. */
  readonly eventPosition: number | null;
  /** When the user read it, in milliseconds since 1970. */
  readonly ts: number;
}

export interface Receipt extends NewReceipt {
  readonly roomNid: number;
  /** Log position. */
  readonly position: number;
}

interface Row {
  room_nid: number;
  user_id: string;
  receipt_type: string;
  thread_id: string;
  event_id: string;
  event_position: number | null;
  ts: number;
  position: number;
}

const COLUMNS = 'room_nid, user_id, receipt_type, thread_id, event_id, event_position, ts, position';

function fromRow(row: Row): Receipt {
  return {
    roomNid: row.room_nid,
    userId: fromStoredText(row.user_id) as UserId,
    receiptType: row.receipt_type,
    threadId: fromStoredText(row.thread_id),
    eventId: fromStoredText(row.event_id),
    eventPosition: row.event_position,
    ts: row.ts,
    position: row.position,
  };
}

const PUT = `INSERT INTO receipts (room_nid, user_id, receipt_type, thread_id, event_id, event_position, ts, position)
  SELECT $1, r.*, 0 FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) AS r
  ON CONFLICT (room_nid, user_id, receipt_type, thread_id) DO UPDATE SET event_id = excluded.event_id,
    event_position = excluded.event_position, ts = excluded.ts
  WHERE receipts.event_id <> excluded.event_id AND (receipts.event_position IS NULL OR excluded.event_position IS NULL
    OR excluded.event_position > receipts.event_position)
  RETURNING id, user_id`;

/** Sets receipts in a room. Those that would move back are left as they are. */
export async function putReceipts(db: Database, roomNid: number, receipts: readonly NewReceipt[]): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx.query<{ id: number; user_id: string }>(PUT, [
      roomNid,
      receipts.map((receipt) => toStoredText(receipt.userId)),
      receipts.map((receipt) => receipt.receiptType),
      receipts.map((receipt) => toStoredText(receipt.threadId)),
      receipts.map((receipt) => toStoredText(receipt.eventId)),
      receipts.map((receipt) => receipt.eventPosition),
      receipts.map((receipt) => receipt.ts),
    ]);
    if (rows.length === 0) return;
    const entries = rows.map((row) => ({
      kind: 'receipt' as const,
      roomNid,
      userId: fromStoredText(row.user_id),
      ref: row.id,
    }));
    const first = await appendLog(tx, entries);
    await tx.query(
      `UPDATE receipts SET position = r.position FROM unnest($1::bigint[], $2::bigint[]) AS r (id, position) WHERE receipts.id = r.id`,
      [rows.map((row) => row.id), rows.map((_, index) => first + index)],
    );
  });
}

/** Receipts of rooms that changed after `since` and up to `until`. */
export async function receiptsSince(
  db: Queryable,
  roomNids: readonly number[],
  since: number,
  until: number,
): Promise<Receipt[]> {
  if (roomNids.length === 0) return [];
  const rows = await db.query<Row>(
    `SELECT ${COLUMNS} FROM receipts WHERE room_nid = ANY ($1::bigint[]) AND position > $2 AND position <= $3
     ORDER BY position`,
    [roomNids, since, until],
  );
  return rows.map(fromRow);
}

const NEWEST = `SELECT r.* FROM unnest($1::bigint[]) AS wanted (room_nid) CROSS JOIN LATERAL (
    SELECT ${COLUMNS} FROM receipts WHERE receipts.room_nid = wanted.room_nid AND position <= $2
    ORDER BY position DESC LIMIT $4) r
  UNION SELECT ${COLUMNS} FROM receipts WHERE room_nid = ANY ($1::bigint[]) AND position <= $2 AND user_id = $3`;

/** The receipts of rooms that moved last, up to `until`, at most `limit` per room; and all those of one user. */
export async function newestReceipts(
  db: Queryable,
  roomNids: readonly number[],
  userId: UserId,
  { until, limit }: { until: number; limit: number },
): Promise<Receipt[]> {
  if (roomNids.length === 0) return [];
  const rows = await db.query<Row>(NEWEST, [roomNids, until, toStoredText(userId), limit]);
  return rows.map(fromRow).sort((one, other) => one.position - other.position);
}

/** All receipts of one user in rooms: what the unread counts start from. */
export async function receiptsOfUser(db: Queryable, roomNids: readonly number[], userId: UserId): Promise<Receipt[]> {
  if (roomNids.length === 0) return [];
  const rows = await db.query<Row>(
    `SELECT ${COLUMNS} FROM receipts WHERE room_nid = ANY ($1::bigint[]) AND user_id = $2`,
    [roomNids, toStoredText(userId)],
  );
  return rows.map(fromRow);
}
