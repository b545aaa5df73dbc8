import type { Queryable, Transaction } from './database.ts';

const UNIQUE_VIOLATION = '23505';

export interface RoomAliasRow {
  readonly alias: string;
  readonly roomNid: number;
  readonly creator: string;
}

export async function findAlias(db: Queryable, alias: string): Promise<RoomAliasRow | undefined> {
  const [row] = await db.query<{ alias: string; room_nid: number; creator: string }>(
    'SELECT alias, room_nid, creator FROM room_aliases WHERE alias = $1',
    [alias],
  );
  return row === undefined ? undefined : { alias: row.alias, roomNid: row.room_nid, creator: row.creator };
}

/** @returns false if the alias is taken */
export async function insertAlias(db: Queryable, row: RoomAliasRow): Promise<boolean> {
  const rows = await db.query(
    `INSERT INTO room_aliases (alias, room_nid, creator) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1`,
    [row.alias, row.roomNid, row.creator],
  );
  return rows.length > 0;
}

/** Fails the commit on an alias that is taken, with what `isAliasTaken` knows. */
export function insertAliasWith(tx: Transaction, row: RoomAliasRow): void {
  tx.enqueue('INSERT INTO room_aliases (alias, room_nid, creator) VALUES ($1, $2, $3)', [
    row.alias,
    row.roomNid,
    row.creator,
  ]);
}

export function isAliasTaken(error: unknown): boolean {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return code === UNIQUE_VIOLATION && constraint === 'room_aliases_pkey';
}

export async function deleteAlias(db: Queryable, alias: string): Promise<void> {
  await db.query('DELETE FROM room_aliases WHERE alias = $1', [alias]);
}

export async function aliasesOfRoom(db: Queryable, roomNid: number): Promise<string[]> {
  const rows = await db.query<{ alias: string }>('SELECT alias FROM room_aliases WHERE room_nid = $1 ORDER BY alias', [
    roomNid,
  ]);
  return rows.map((row) => row.alias);
}
