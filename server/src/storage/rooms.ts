import { LruCache } from '../base/lru-cache.ts';
import type { RoomId } from '../protocol/event.ts';
import { int8Array, textArray } from './binary-arrays.ts';
import type { Queryable, Transaction } from './database.ts';

/** What never changes about a room of whose graph we hold something. Until then its version is only what an invite said. */
export interface RoomRow {
  readonly nid: number;
  readonly roomId: RoomId;
  readonly version: string;
}

/** The changing part: where new events are attached. */
export interface RoomHeadRow extends RoomRow {
  /** Nids of the forward extremities; empty when no event of the room's graph is held. */
  readonly extremities: readonly number[];
  readonly depth: number;
  /** Snapshot of the resolved state over the extremities. */
  readonly currentState: number | null;
}

/** A head as it was read. */
export interface StoredHead extends RoomHeadRow {
  /** Position of the newest event in the room's timeline. */
  readonly lastPosition: number;
}

interface RoomColumns {
  nid: number;
  room_id: RoomId;
  version: string;
  has_graph: boolean;
}

const ROOM = `nid, room_id, version, extremities <> '{}' AS has_graph`;

interface Row {
  nid: number;
  room_id: RoomId;
  version: string;
  extremities: number[];
  depth: number;
  current_state: number | null;
  last_position: number;
}

const HEAD = 'nid, room_id, version, extremities, depth, current_state, last_position';

function toHead(row: Row): StoredHead {
  return {
    nid: row.nid,
    roomId: row.room_id,
    version: row.version,
    extremities: row.extremities,
    depth: row.depth,
    currentState: row.current_state,
    lastPosition: row.last_position,
  };
}

export interface Rooms {
  byId(roomId: string): Promise<RoomRow | undefined>;
  byNid(nids: readonly number[]): Promise<Map<number, RoomRow>>;
  /** Makes the room if there is none of this id. The version of a room stays once something of its graph is held. */
  create(roomId: RoomId, version: string): Promise<RoomRow>;
}

export function openRooms(db: Queryable): Rooms {
  const ids = new LruCache<string, RoomRow>(50_000);
  const nids = new LruCache<number, RoomRow>(50_000);
  function remember(row: RoomColumns): RoomRow {
    const room = { nid: row.nid, roomId: row.room_id, version: row.version };
    if (!row.has_graph) return room;
    ids.set(room.roomId, room);
    nids.set(room.nid, room);
    return room;
  }
  return {
    async byId(roomId) {
      const cached = ids.get(roomId);
      if (cached !== undefined) return cached;
      const [row] = await db.query<RoomColumns>(`SELECT ${ROOM} FROM rooms WHERE room_id = $1`, [roomId]);
      return row === undefined ? undefined : remember(row);
    },
    async byNid(wanted) {
      const found = new Map<number, RoomRow>();
      for (const nid of wanted) {
        const room = nids.get(nid);
        if (room !== undefined) found.set(nid, room);
      }
      const missing = wanted.filter((nid) => !found.has(nid));
      if (missing.length === 0) return found;
      const sql = `SELECT ${ROOM} FROM rooms WHERE nid = ANY ($1::bigint[])`;
      for (const row of await db.query<RoomColumns>(sql, [missing])) found.set(row.nid, remember(row));
      return found;
    },
    async create(roomId, version) {
      const sql = `INSERT INTO rooms (room_id, version) VALUES ($1, $2) ON CONFLICT (room_id) DO UPDATE
        SET version = CASE WHEN rooms.extremities = '{}' THEN excluded.version ELSE rooms.version END RETURNING ${ROOM}`;
      const [row] = await db.query<RoomColumns>(sql, [roomId, version]);
      if (row === undefined) throw new Error(`room ${roomId} could not be made`);
      return remember(row);
    },
  };
}

/** Makes a room, which is locked until the end of the transaction; undefined when there is one of this id already. */
export async function insertRoom(tx: Transaction, roomId: RoomId, version: string): Promise<RoomHeadRow | undefined> {
  const sql = `INSERT INTO rooms (room_id, version) VALUES ($1, $2) ON CONFLICT (room_id) DO NOTHING RETURNING ${HEAD}`;
  const [row] = await tx.query<Row>(sql, [roomId, version]);
  return row === undefined ? undefined : toHead(row);
}

/** The head as it is now. It may change at once: only inside `lockHeads` is it more than a guess. */
export async function roomHead(db: Queryable, roomNid: number): Promise<StoredHead | undefined> {
  const [row] = await db.query<Row>(`SELECT ${HEAD} FROM rooms WHERE nid = $1`, [roomNid]);
  return row === undefined ? undefined : toHead(row);
}

/**
 * Locks rooms for writing until the end of the transaction and answers their heads. Always in the order of nids, so that
 * transactions cannot wait for each other in a circle.
 *
 * @param wait false: rooms that another transaction holds are left out of the answer instead of waited for
 */
export async function lockHeads(tx: Transaction, nids: readonly number[], wait: boolean): Promise<RoomHeadRow[]> {
  const sql = `SELECT ${HEAD} FROM rooms WHERE nid = ANY ($1::bigint[]) ORDER BY nid FOR NO KEY UPDATE${wait ? '' : ' SKIP LOCKED'}`;
  return (await tx.query<Row>(sql, [int8Array(nids)])).map(toHead);
}

export interface HeadChange {
  readonly nid: number;
  readonly extremities: readonly number[];
  readonly depth: number;
  readonly currentState: number | null;
  /** Place of the room's newest event among those just written (1 for the first); null leaves its last position. */
  readonly lastPlace: number | null;
  /** The same for the newest event of a local user. */
  readonly lastLocalPlace: number | null;
}

/** @param written how many live events the transaction has just written: their positions are the last of the log */
export function updateHeads(tx: Transaction, changes: readonly HeadChange[], written: number): void {
  if (changes.length === 0) return;
  tx.enqueue(
    `UPDATE rooms SET extremities = c.extremities::bigint[], depth = c.depth, current_state = c.current_state,
       last_position = greatest(rooms.last_position, h.position - $7 + c.last_place),
       last_local_position = greatest(rooms.last_local_position, h.position - $7 + c.last_local_place)
     FROM log_head h, unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
       AS c (nid, extremities, depth, current_state, last_place, last_local_place)
     WHERE rooms.nid = c.nid`,
    [
      int8Array(changes.map((change) => change.nid)),
      textArray(changes.map((change) => `{${change.extremities.join(',')}}`)),
      int8Array(changes.map((change) => change.depth)),
      int8Array(changes.map((change) => change.currentState)),
      int8Array(changes.map((change) => change.lastPlace)),
      int8Array(changes.map((change) => change.lastLocalPlace)),
      written,
    ],
  );
}
