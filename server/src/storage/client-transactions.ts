import { hash } from 'node:crypto';
import { byteaArray, textArray } from './binary-arrays.ts';
import type { Queryable, Transaction } from './database.ts';

/** What a transaction id is unique within: a device and an HTTP path (Client-Server API, "Transaction identifiers"). */
export interface ClientTransaction {
  readonly userId: string;
  readonly deviceId: string;
  /** Method and path without the transaction id, in any fixed form. */
  readonly path: string;
  readonly txnId: string;
}

export function transactionKey(transaction: ClientTransaction): Buffer {
  const parts = [transaction.userId, transaction.deviceId, transaction.path, transaction.txnId];
  return hash('sha256', JSON.stringify(parts), 'buffer').subarray(0, 20);
}

/** Event ids that earlier requests with these keys have led to, by key in hex. */
export async function findTransactions(db: Queryable, keys: readonly Buffer[]): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query<{ key: Buffer; event_id: string }>(
    'SELECT key, event_id FROM client_transactions WHERE key = ANY ($1::bytea[])',
    [byteaArray(keys)],
  );
  return new Map(rows.map((row) => [row.key.toString('hex'), row.event_id]));
}

/** Fails the commit on a key that exists, so that the transaction that made a second event rolls back. */
export function insertTransactions(
  tx: Transaction,
  rows: readonly { readonly key: Buffer; readonly eventId: string }[],
): void {
  if (rows.length === 0) return;
  tx.enqueue('INSERT INTO client_transactions (key, event_id) SELECT * FROM unnest($1::bytea[], $2::text[])', [
    byteaArray(rows.map((row) => row.key)),
    textArray(rows.map((row) => row.eventId)),
  ]);
}

/** Takes the key of a request that leads to no event; false where it has been taken before. */
export async function claimTransaction(tx: Transaction, key: Buffer): Promise<boolean> {
  const sql = `INSERT INTO client_transactions (key, event_id) VALUES ($1, '') ON CONFLICT DO NOTHING RETURNING key`;
  return (await tx.query(sql, [key])).length > 0;
}

const PRUNED_AT_ONCE = 5_000;
const PRUNE = `DELETE FROM client_transactions WHERE key IN (SELECT key FROM client_transactions
  WHERE created_at < now() - interval '7 days' LIMIT ${PRUNED_AT_ONCE}) RETURNING 1`;

/** Forgets transactions older than a week, a few thousand per statement so that none of them takes long. */
export async function pruneTransactions(db: Queryable): Promise<void> {
  let pruned: number;
  do pruned = (await db.query(PRUNE)).length;
  while (pruned === PRUNED_AT_ONCE);
}
