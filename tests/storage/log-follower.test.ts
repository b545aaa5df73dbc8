import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../server/src/storage/database.ts';
import { appendLog } from '../../server/src/storage/log.ts';
import { LogFollower, notify } from '../../server/src/storage/log-follower.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase({ poolSize: 10 });
const MARK = 'mark';

/** A follower, what it has handed out, how often it has read the log, and the messages that it has heard. */
async function follow() {
  const heard: string[] = [];
  const positions: number[] = [];
  let reads = 0;
  const counting: Database = {
    ...db,
    query: async (text, values) => {
      if (text.includes('FROM log WHERE')) reads++;
      return await db.query(text, values);
    },
  };
  const follower = await LogFollower.start(counting, [MARK], (error) => {
    throw error;
  });
  onTestFinished(() => follower.stop());
  follower.onRows((rows) => positions.push(...rows.map((row) => row.position)));
  follower.onMessage(MARK, (payload) => heard.push(payload));
  return { follower, positions, heard, reads: () => reads };
}

test('a notification about rows that a follower is offered makes others read the log, and not that one', async () => {
  const own = await follow();
  const other = await follow();
  expect(own.follower.origin).not.toBe(other.follower.origin);
  // The first read is that of the start, the next come from a timer: ask until one has passed without any.
  await expect
    .poll(async () => {
      const [readByOwn, readByOther] = [own.reads(), other.reads()];
      for (let n = 0; n < 10; n++) await notify(db, 'log', own.follower.origin);
      await notify(db, MARK, String(own.heard.length));
      await expect.poll(() => own.heard.length === other.heard.length && own.heard.length > 0).toBe(true);
      return own.reads() === readByOwn && other.reads() > readByOther;
    })
    .toBe(true);
});

test('rows that are offered, and rows that others announce, come out once and in order', async () => {
  const own = await follow();
  const append = () => db.transaction(async (tx) => await appendLog(tx, [{ kind: 'profile', userId: '@alice:x' }]));
  const first = await append();
  own.follower.offer([{ position: first, kind: 'profile', roomNid: null, userId: '@alice:x', ref: null }]);
  const second = await append();
  await expect.poll(() => own.positions).toEqual([first, second]);
});

test('memory answers for a span only where it holds all of it', async () => {
  const own = await follow();
  const start = own.follower.position();
  const append = () => db.transaction(async (tx) => await appendLog(tx, [{ kind: 'profile', userId: '@alice:x' }]));
  for (let n = 0; n < 3; n++) await append();
  const positions = (since: number, until?: number) =>
    own.follower.recent(since, until)?.map((row) => row.position - start);
  await expect.poll(() => own.follower.position()).toBe(start + 3);
  expect(positions(start)).toEqual([1, 2, 3]);
  expect(positions(start + 1, start + 2)).toEqual([2]);
  expect(positions(start + 3, start + 3)).toEqual([]);
  expect(positions(start, start + 4)).toBeUndefined();
  expect(positions(start - 1, start + 1)).toBeUndefined();
});
