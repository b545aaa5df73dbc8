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
  const asked = db.transaction(async (tx) => {
    tx.enqueue('INSERT INTO kept VALUES (1 / 0)');
    await tx.query('SELECT 1');
  });
  await expect(asked).rejects.toThrow('division by zero');
  expect(await db.query('SELECT n FROM kept')).toEqual([]);
  await db.transaction(async (tx) => tx.enqueue('INSERT INTO kept VALUES (2)'));
  expect(await db.query('SELECT n FROM kept')).toEqual([{ n: 2 }]);
});

it('statements that are planned while a table is empty do not read all of it for single rows', async () => {
  const statements = {
    log: 'SELECT kind FROM log WHERE position > $1 ORDER BY position LIMIT 2000',
    nids: 'SELECT pdu FROM events WHERE nid = ANY (ARRAY[$1::bigint])',
    ids: 'SELECT pdu FROM events WHERE event_id = ANY (ARRAY[$1::text])',
  };
  for (const [name, statement] of Object.entries(statements)) {
    const plan = await db.transaction(async (tx) => {
      await tx.script(`PREPARE ${name} AS ${statement}`);
      return await tx.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE ${name} (1)`);
    });
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toMatch(/^(?!.*Seq Scan).*Index/s);
  }
});
