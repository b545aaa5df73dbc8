import type { Queryable, Transaction } from './database.ts';

/** A token bucket of bytes: it holds at most `burstBytes` and refills at `bytesPerSecond`. */
export interface ByteBudget {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
}

const LEFT = 'least($4::float8, b.bytes + greatest($2::bigint - b.updated_at, 0) * $3::float8 / 1000)';

const TAKE = `
INSERT INTO media_budgets AS b (key, bytes, updated_at) VALUES ($1, $4::float8 - $5::float8, $2)
ON CONFLICT (key) DO UPDATE SET bytes = ${LEFT} - $5::float8, updated_at = greatest(b.updated_at, $2)
WHERE ${LEFT} >= $5::float8
RETURNING bytes`;

/**
 * Takes `bytes` from a bucket, or answers in how many milliseconds they will be there. Taking nothing succeeds unless the
 * bucket is in debt. Callers bound `bytes` by the burst, otherwise it never succeeds.
 */
export async function takeFromBudget(
  tx: Transaction,
  key: string,
  budget: ByteBudget,
  bytes: number,
  now: number,
): Promise<{ taken: true } | { taken: false; retryAfterMs: number }> {
  const taken = await tx.query(TAKE, [key, now, budget.bytesPerSecond, budget.burstBytes, bytes]);
  if (taken.length === 1) return { taken: true };
  const [left] = await tx.query<{ left: number }>(`SELECT ${LEFT} AS left FROM media_budgets b WHERE key = $1`, [
    key,
    now,
    budget.bytesPerSecond,
    budget.burstBytes,
  ]);
  const missing = bytes - (left?.left ?? 0);
  return { taken: false, retryAfterMs: Math.max(1000, Math.ceil((missing / budget.bytesPerSecond) * 1000)) };
}

/** A bucket that was last filled later than now was so before the clock was set back: it fills from now on. */
export async function setBackBudgets(db: Queryable, keys: readonly string[], now: number): Promise<void> {
  await db.query('UPDATE media_budgets SET updated_at = $2 WHERE key = ANY ($1::text[]) AND updated_at > $2', [
    keys,
    now,
  ]);
}

/** Takes `bytes` more, or gives some back where negative. This may put the bucket into debt. */
export async function settleBudget(tx: Transaction, key: string, bytes: number): Promise<void> {
  if (bytes !== 0) await tx.query('UPDATE media_budgets SET bytes = bytes - $2::float8 WHERE key = $1', [key, bytes]);
}

/** Forgets buckets untouched for so long that they are full again. */
export async function deleteIdleBudgets(db: Queryable, untouchedSince: number): Promise<void> {
  await db.query('DELETE FROM media_budgets WHERE updated_at < $1', [untouchedSince]);
}
