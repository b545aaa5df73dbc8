import type { RoomId } from '../protocol/event.ts';
import type { Queryable, Transaction } from './database.ts';

/** Puts a room into the published room directory or takes it out. */
export async function setPublished(db: Queryable, roomNid: number, published: boolean): Promise<void> {
  await db.query('UPDATE rooms SET published = $2 WHERE nid = $1', [roomNid, published]);
}

/** The same with the commit of a transaction. */
export function publishWith(tx: Transaction, roomNid: number): void {
  tx.enqueue('UPDATE rooms SET published = true WHERE nid = $1', [roomNid]);
}

export async function isPublished(db: Queryable, roomNid: number): Promise<boolean> {
  const rows = await db.query('SELECT 1 FROM rooms WHERE nid = $1 AND published', [roomNid]);
  return rows.length > 0;
}

export interface PublishedRoom {
  readonly nid: number;
  readonly roomId: RoomId;
  readonly joinedMembers: number;
}

const PAGE = `SELECT r.nid, r.room_id, coalesce(s.joined, 0)::int AS joined FROM rooms r
  LEFT JOIN LATERAL (SELECT sum(joined_members) AS joined FROM room_servers WHERE room_nid = r.nid) s ON true
  WHERE r.published AND r.current_state IS NOT NULL ORDER BY joined DESC, r.nid OFFSET $1 LIMIT $2`;

/** Published rooms, the largest first. */
export async function publishedRooms(db: Queryable, offset: number, limit: number): Promise<PublishedRoom[]> {
  const rows = await db.query<{ nid: number; room_id: RoomId; joined: number }>(PAGE, [offset, limit]);
  return rows.map((row) => ({ nid: row.nid, roomId: row.room_id, joinedMembers: row.joined }));
}

export async function publishedRoomCount(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*) AS count FROM rooms WHERE published AND current_state IS NOT NULL',
  );
  return row?.count ?? 0;
}
