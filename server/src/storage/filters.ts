import { createHash } from 'node:crypto';
import type { JsonObject } from '../protocol/json.ts';
import { parseJson } from '../protocol/json-parser.ts';
import type { Queryable, Transaction } from './database.ts';

/**
 * Stores a filter definition and answers its id: the same one as before for a definition that the user has stored before, and
 * undefined for a new one of a user who has `most` already.
 */
export async function putFilter(
  tx: Transaction,
  userId: string,
  filter: JsonObject,
  most: number,
): Promise<string | undefined> {
  const text = JSON.stringify(filter);
  const hash = createHash('sha256').update(text).digest();
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [userId]);
  const [row] = await tx.query<{ filter_id: number }>(
    `INSERT INTO filters (user_id, filter_id, filter_hash, filter)
     SELECT $1, coalesce(max(filter_id) + 1, 0), $2, $3 FROM filters WHERE user_id = $1
     HAVING count(*) < $4 OR bool_or(filter_hash = $2)
     ON CONFLICT (user_id, filter_hash) DO UPDATE SET filter = excluded.filter RETURNING filter_id`,
    [userId, hash, text, most],
  );
  return row === undefined ? undefined : String(row.filter_id);
}

/** The definition as it was stored. */
export async function findFilter(db: Queryable, userId: string, filterId: string): Promise<JsonObject | undefined> {
  if (!/^\d{1,15}$/.test(filterId)) return undefined;
  const [row] = await db.query<{ filter: string }>('SELECT filter FROM filters WHERE user_id = $1 AND filter_id = $2', [
    userId,
    filterId,
  ]);
  return row && (parseJson(row.filter) as JsonObject);
}
