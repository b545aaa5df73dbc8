import { expect, test } from 'vitest';
import { boolArray, byteaArray, int8Array, textArray } from '../../server/src/storage/binary-arrays.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();

async function read(type: string, array: Buffer): Promise<unknown> {
  const rows = await db.query<{ values: string | null }>(
    `SELECT array_to_json($1::${type}[])::text AS values -- ${type}`,
    [array],
  );
  return JSON.parse(rows[0]?.values ?? 'null');
}

test('numbers arrive as they are, up to the largest, below zero and null', async () => {
  const values = [
    0,
    1,
    -1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 32),
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ];
  expect(await read('bigint', int8Array([...values, null, 7]))).toEqual([...values, null, 7]);
});

test('texts arrive as they are: empty, quoted, in braces, of many bytes a character, and null', async () => {
  const values = ['', 'NULL', '{"a","b"}', 'back\\slash', 'line\nbreak', 'ünïcödé', '😀'.repeat(1000), null, 'last'];
  expect(await read('text', textArray(values))).toEqual(values);
});

test('truth values and bytes arrive as they are', async () => {
  expect(await read('boolean', boolArray([true, false, true]))).toEqual([true, false, true]);
  const bytes = [Buffer.alloc(0), Buffer.from([0, 255, 128]), Buffer.from('text')];
  expect(await read('bytea', byteaArray(bytes))).toEqual(bytes.map((one) => `\\x${one.toString('hex')}`));
});

test.each([
  ['bigint', int8Array([])],
  ['text', textArray([])],
  ['boolean', boolArray([])],
  ['bytea', byteaArray([])],
])('an array of no %s is empty, and not null', async (type, array) => {
  expect(await read(type, array)).toEqual([]);
});
