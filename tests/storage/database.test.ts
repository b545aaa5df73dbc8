import { expect, it } from 'vitest';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();

it('a transaction in which a statement failed fails, even if nobody looked at that statement', async () => {
  await db.query('CREATE TABLE kept (n integer)');
  const unseen = db.transaction(async (tx) => {
    await tx.query('INSERT INTO kept VALUES (1)');
    await tx.query('SELECT 1 / 0').catch(() => {});
    return 'done';
  });
  await expect(unseen).rejects.toThrow('rolled back');
  const enqueued = db.transaction(async (tx) => tx.enqueue('INSERT INTO kept VALUES (1 / 0)'));
  await expect(enqueued).rejects.toThrow('division by zero');
  expect(await db.query('SELECT n FROM kept')).toEqual([]);
  await db.transaction(async (tx) => tx.enqueue('INSERT INTO kept VALUES (2)'));
  expect(await db.query('SELECT n FROM kept')).toEqual([{ n: 2 }]);
});
