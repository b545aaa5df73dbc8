import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { isDatabaseOutage, openDatabase } from '../../server/src/storage/database.ts';
import { freePort } from '../harness/free-port.ts';
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
  const unheeded = db.transaction(async (tx) => {
    void tx.query('INSERT INTO kept VALUES (1 / 0)').catch(() => {});
    tx.enqueue('INSERT INTO kept VALUES (3)');
  });
  await expect(unheeded).rejects.toThrow('division by zero');
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

/** A message of the Postgres protocol. */
function message(type: string, ...parts: (number | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([0, 0, 0, part]))),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

it('a connection that ends in the moment in which it is ready fails with 503, and does not end the process', async () => {
  const port = await freePort();
  const killed = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection due to unexpected postmaster exit', ''];
  const answer = Buffer.concat([
    message('R', 0),
    message('Z', 'I'),
    message('E', killed.map((field) => `${field}\0`).join('')),
  ]);
  const server = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end(answer)));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const away = openDatabase({ connection: `postgresql://parley@127.0.0.1:${port}/parley`, poolSize: 1 });
  onTestFinished(() => away.close());
  for (const ask of [() => away.transaction((tx) => tx.query('SELECT 1')), () => away.query('SELECT 1')])
    await expect(ask()).rejects.toMatchObject({ status: 503 });
});

it('an outage is told of once, whatever becomes of what was asked before it', async () => {
  const told: string[] = [];
  const outages = { began: () => void told.push('began'), ended: () => void told.push('ended') };
  const watched = openDatabase({ connection: db.url, poolSize: 5, outages });
  onTestFinished(() => watched.close());
  const holder = await db.connect(() => {});
  onTestFinished(() => holder.close());
  const hold = 'SELECT pg_advisory_lock($1)';
  const waiting = () =>
    db.query<{ pid: number; lock: number }>(
      "SELECT pid, objid::integer AS lock FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
    );
  const end = async (lock: number) => {
    const pid = (await waiting()).find((found) => found.lock === lock)?.pid;
    await db.query('SELECT pg_terminate_backend($1)', [pid]);
  };
  const outcomeOf = (asked: Promise<unknown>) => asked.then(() => 'answered', isDatabaseOutage);
  for (const lock of [1, 2, 3, 4]) await holder.query(hold, [lock]);
  const ask = (lock: number) => watched.query(hold, [lock]);
  const [before, first] = [outcomeOf(ask(1)), outcomeOf(ask(2))];
  const later = [outcomeOf(ask(3)), outcomeOf(watched.transaction((tx) => tx.query(hold, [4])))];
  await expect.poll(waiting).toHaveLength(4);
  await end(2);
  expect(await first).toBe(true);
  await holder.query('SELECT pg_advisory_unlock(1)');
  expect(await before).toBe('answered');
  expect(told).toEqual(['began']);
  await watched.query('SELECT 1');
  for (const lock of [3, 4]) await end(lock);
  expect(await Promise.all(later)).toEqual([true, true]);
  await watched.query('SELECT 1');
  expect(told).toEqual(['began', 'ended']);
});
