import { expect, test } from 'vitest';
import { LruCache } from '../../server/src/base/lru-cache.ts';

test('what was used longest ago is forgotten first', () => {
  const cache = new LruCache<string, number>(3);
  for (const [value, key] of ['a', 'b', 'c'].entries()) cache.set(key, value);
  expect(cache.get('a')).toBe(0);
  cache.set('d', 3);
  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual([0, undefined, 2, 3]);
});

test('what is used again and again stays, however much else comes and goes', () => {
  const cache = new LruCache<number, string>(100);
  cache.set(0, 'kept');
  for (let key = 1; key <= 1000; key++) {
    cache.set(key, 'passing');
    expect(cache.get(0)).toBe('kept');
  }
  expect(cache.get(1)).toBeUndefined();
});

test('large entries push out several small ones, and one that is larger than all of it is not kept', () => {
  const cache = new LruCache<string, number>(10);
  for (const [value, key] of ['a', 'b', 'c', 'd', 'e'].entries()) cache.set(key, value, 2);
  cache.set('large', 5, 6);
  expect(['a', 'b', 'c', 'd', 'e', 'large'].map((key) => cache.get(key))).toEqual([
    undefined,
    undefined,
    undefined,
    3,
    4,
    5,
  ]);
  cache.set('larger', 6, 11);
  expect(cache.get('larger')).toBeUndefined();
});

test('an entry that is set again counts with its new size only', () => {
  const cache = new LruCache<string, number>(10);
  cache.set('a', 1, 9);
  cache.set('a', 2, 1);
  cache.set('b', 3, 9);
  expect([cache.get('a'), cache.get('b')]).toEqual([2, 3]);
});
