import type { Queryable } from './database.ts';

/*
 * A bucket is one moment: until when it is paid for. Taking a token pays for one interval more; a token is there while the
 * bucket is paid for no further ahead than its burst allows. Moments are those of the database's clock, in milliseconds. One that
 * lies further ahead than it can have been paid for is from before the clock was set back.
 */
const NOW = 'extract(epoch FROM clock_timestamp()) * 1000';

/** Takes a token at once and for all processes. Answers 0, or after how many milliseconds there will be one. */
export async function takeToken(db: Queryable, bucket: string, intervalMs: number, burstMs: number): Promise<number> {
  const taken = await db.query(
    `INSERT INTO rate_limits AS b (bucket, paid_until) VALUES ($1, ${NOW} + $2::float8)
     ON CONFLICT (bucket) DO UPDATE SET paid_until = greatest(b.paid_until, ${NOW}) + $2::float8
     WHERE b.paid_until - (${NOW}) <= $3::float8 RETURNING 1`,
    [bucket, intervalMs, burstMs],
  );
  if (taken.length > 0) return 0;
  const [row] = await db.query<{ ahead: number }>(
    `UPDATE rate_limits SET paid_until = least(paid_until, ${NOW} + $2::float8) WHERE bucket = $1
     RETURNING (paid_until - (${NOW}))::float8 AS ahead`,
    [bucket, intervalMs + burstMs],
  );
  return Math.max(1, Math.ceil((row?.ahead ?? burstMs) - burstMs));
}

/** Puts a token back that was taken for nothing. */
export async function giveTokenBack(db: Queryable, bucket: string, intervalMs: number): Promise<void> {
  await db.query('UPDATE rate_limits SET paid_until = paid_until - $2::float8 WHERE bucket = $1', [bucket, intervalMs]);
}

/**
 * Adds what this process has granted on its own and answers, for every bucket, how many milliseconds ahead it is paid for by
 * all processes together. Buckets must be distinct; they are locked in order.
 *
 * @param mostAheadMs how far ahead a bucket can have been paid for, in milliseconds
 */
export async function addSpent(
  db: Queryable,
  spent: ReadonlyMap<string, number>,
  mostAheadMs: number,
): Promise<Map<string, number>> {
  const buckets = [...spent.keys()].sort();
  const rows = await db.query<{ bucket: string; ahead: number }>(
    `INSERT INTO rate_limits AS b (bucket, paid_until)
     SELECT bucket, ${NOW} + ms FROM unnest($1::text[], $2::float8[]) AS s (bucket, ms)
     ON CONFLICT (bucket) DO UPDATE SET paid_until =
       greatest(least(b.paid_until, ${NOW} + $3::float8), ${NOW}) + (excluded.paid_until - (${NOW}))
     RETURNING bucket, (paid_until - (${NOW}))::float8 AS ahead`,
    [buckets, buckets.map((bucket) => spent.get(bucket) ?? 0), mostAheadMs],
  );
  return new Map(rows.map((row) => [row.bucket, row.ahead]));
}

/** Forgets full buckets. */
export async function forgetFullBuckets(db: Queryable): Promise<void> {
  await db.query(`DELETE FROM rate_limits WHERE paid_until < ${NOW}`);
}
