import type { JsonObject } from '../protocol/json.ts';
import { parseJson } from '../protocol/json-parser.ts';
import type { Queryable, Transaction } from './database.ts';
import { appendLog } from './log.ts';

export interface AccountDataRow {
  /** '' for global account data. */
  readonly roomId: string;
  readonly type: string;
  readonly content: JsonObject;
}

interface Row {
  room_id: string;
  type: string;
  content: string;
}

const toAccountData = (row: Row): AccountDataRow => ({
  roomId: row.room_id,
  type: row.type,
  content: parseJson(row.content) as JsonObject,
});

export async function findAccountData(
  db: Queryable,
  userId: string,
  roomId: string,
  type: string,
): Promise<JsonObject | undefined> {
  const [row] = await db.query<{ content: string }>(
    'SELECT content FROM account_data WHERE user_id = $1 AND room_id = $2 AND type = $3',
    [userId, roomId, type],
  );
  return row && (parseJson(row.content) as JsonObject);
}

/** Account data, global and of rooms, that was last changed after position `since` and up to `until`. */
export async function findAccountDataSince(
  db: Queryable,
  userId: string,
  since: number,
  until: number,
): Promise<AccountDataRow[]> {
  const rows = await db.query<Row>(
    'SELECT room_id, type, content FROM account_data WHERE user_id = $1 AND position > $2 AND position <= $3 ORDER BY position',
    [userId, since, until],
  );
  return rows.map(toAccountData);
}

/**
 * Reads one row and keeps others from changing it until the transaction ends, also while there is no row yet; undefined then.
 * Order of locks: account data before the log.
 */
export async function holdAccountData(
  tx: Transaction,
  userId: string,
  roomId: string,
  type: string,
): Promise<JsonObject | undefined> {
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [JSON.stringify([userId, roomId, type])]);
  return await findAccountData(tx, userId, roomId, type);
}

/** How much account data a user has but for one piece of it. */
export async function accountDataSize(
  db: Queryable,
  userId: string,
  besides: { readonly roomId: string; readonly type: string },
): Promise<{ readonly entries: number; readonly bytes: number }> {
  const [row] = await db.query<{ entries: number; bytes: number }>(
    `SELECT count(*) AS entries, coalesce(sum(octet_length(content)), 0)::bigint AS bytes FROM account_data
     WHERE user_id = $1 AND NOT (room_id = $2 AND type = $3)`,
    [userId, besides.roomId, besides.type],
  );
  return row ?? { entries: 0, bytes: 0 };
}

/** Writes one row and its entry in the log: the last call of the transaction. */
export async function putAccountData(
  tx: Transaction,
  data: {
    userId: string;
    /** Left out or '': global. */
    roomId?: string;
    type: string;
    content: JsonObject;
  },
): Promise<void> {
  const roomId = data.roomId ?? '';
  const [row] = await tx.query<{ id: number; room_nid: number | null }>(
    `INSERT INTO account_data AS d (user_id, room_id, type, content, position) VALUES ($1, $2, $3, $4, 0)
     ON CONFLICT (user_id, room_id, type) DO UPDATE SET content = excluded.content
     RETURNING d.id, (SELECT nid FROM rooms WHERE room_id = $2) AS room_nid`,
    [data.userId, roomId, data.type, JSON.stringify(data.content)],
  );
  if (row === undefined) throw new Error('no row');
  const position = await appendLog(tx, [
    { kind: 'account_data', userId: data.userId, roomNid: row.room_nid, ref: row.id },
  ]);
  await tx.query('UPDATE account_data SET position = $2 WHERE id = $1', [row.id, position]);
}
