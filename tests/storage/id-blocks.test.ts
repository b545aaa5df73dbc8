import { expect, test } from 'vitest';
import { openIdBlocks } from '../../server/src/storage/id-blocks.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
await db.query('CREATE SEQUENCE numbers INCREMENT BY 8');

test('no id is handed out twice, whoever asks for how many at the same time', async () => {
  const [one, other] = [openIdBlocks(db, 'numbers', 8), openIdBlocks(db, 'numbers', 8)];
  const counts = [3, 8, 1, 100, 0, 20, 5];
  const taken = await Promise.all(counts.flatMap((count) => [one.take(count), other.take(count)]));
  expect(taken.map((ids) => ids.length)).toEqual(counts.flatMap((count) => [count, count]));
  expect(new Set(taken.flat())).toHaveLength(taken.flat().length);
});

test('many ids cost one question, and what is left of the last block none', async () => {
  let questions = 0;
  const counted: typeof db.query = (text, values) => {
    questions++;
    return db.query(text, values);
  };
  const ids = openIdBlocks({ query: counted }, 'numbers', 8);
  expect(await ids.take(1_001)).toHaveLength(1_001);
  expect(await ids.take(7)).toHaveLength(7);
  expect(questions).toBe(1);
});
