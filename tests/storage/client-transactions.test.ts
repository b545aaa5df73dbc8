import { expect, it } from 'vitest';
import {
  findTransactions,
  insertTransactions,
  pruneTransactions,
  transactionKey,
} from '../../server/src/storage/client-transactions.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();

it('transaction ids are remembered for a week', async () => {
  const device = { userId: '@ana:x', deviceId: 'A', path: 'send/1/m.room.message' };
  const keys = Array.from({ length: 6_000 }, (_, n) => transactionKey({ ...device, txnId: String(n) }));
  await db.transaction(async (tx) =>
    insertTransactions(
      tx,
      keys.map((key, n) => ({ key, eventId: `$${n}` })),
    ),
  );
  const [first] = keys;
  await db.query(`UPDATE client_transactions SET created_at = now() - interval '8 days' WHERE key <> $1`, [first]);
  await pruneTransactions(db);
  expect([...(await findTransactions(db, keys)).values()]).toEqual(['$0']);
});
