import { describe, expect, test } from 'vitest';
import { fc } from '../harness/properties.ts';
import { checkSetFull } from './checkers/set-full.ts';
import { checkSyncChain } from './checkers/sync-chain.ts';
import { checkTotalQueue } from './checkers/total-queue.ts';
import { checkUniqueIds } from './checkers/unique-ids.ts';

const ok = (element: string, end = 0) => ({ element, outcome: 'ok' as const, end });
const unknown = (element: string, end = 0) => ({ element, outcome: 'unknown' as const, end });
const fail = (element: string, end = 0) => ({ element, outcome: 'fail' as const, end });
const read = (start: number, ...elements: string[]) => ({ start, end: start + 1, elements });
const clean = { lost: [], stale: [], neverRead: [], duplicated: [], unexpected: [] };

describe('set-full', () => {
  test('finds nothing wrong where every read shows what was acknowledged before it', () => {
    const result = checkSetFull([ok('a', 1), ok('b', 5), unknown('c'), fail('d')], [read(2, 'a'), read(6, 'a', 'b')]);
    expect(result).toEqual({ ...clean, acknowledged: 2 });
  });

  test('an acknowledged element that the last read lacks is lost', () => {
    expect(checkSetFull([ok('a', 1)], [read(2)])).toMatchObject({ lost: ['a'] });
    expect(checkSetFull([ok('a', 1)], [read(2, 'a'), read(4)])).toMatchObject({ lost: ['a'], stale: [] });
  });

  test('one that a read lacks and a later read shows was stale', () => {
    expect(checkSetFull([ok('a', 1)], [read(2), read(4, 'a')])).toMatchObject({ lost: [], stale: ['a'] });
  });

  test('a read that started before the acknowledgement need not show it', () => {
    expect(checkSetFull([ok('a', 3)], [read(2), read(4, 'a')])).toEqual({ ...clean, acknowledged: 1 });
  });

  test('one that no read could show was never read', () => {
    expect(checkSetFull([ok('a', 3)], [read(2)])).toMatchObject({ neverRead: ['a'], lost: [] });
  });

  test('an unknown one may be there or not, but once seen it must stay', () => {
    expect(checkSetFull([unknown('a')], [read(2)])).toEqual({ ...clean, acknowledged: 0 });
    expect(checkSetFull([unknown('a')], [read(2, 'a'), read(4, 'a')])).toEqual({ ...clean, acknowledged: 0 });
    expect(checkSetFull([unknown('a')], [read(2, 'a'), read(4)])).toMatchObject({ lost: ['a'] });
  });

  test('an unknown one that is settled by a repetition counts as acknowledged', () => {
    expect(checkSetFull([unknown('a', 1), ok('a', 2)], [read(3)])).toMatchObject({ acknowledged: 1, lost: ['a'] });
  });

  test('what is in one read twice is duplicated, in two reads once is not', () => {
    expect(checkSetFull([ok('a')], [read(1, 'a', 'a')])).toMatchObject({ duplicated: ['a'] });
    expect(checkSetFull([ok('a')], [read(1, 'a'), read(2, 'a')])).toMatchObject({ duplicated: [] });
  });

  test('what was refused or never sent must not appear', () => {
    expect(checkSetFull([fail('a')], [read(1, 'a', 'b')])).toMatchObject({ unexpected: ['a', 'b'] });
  });

  test('finds any one element that is taken out of a good history', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 30 }), fc.nat(), (elements, at) => {
        const victim = elements[at % elements.length] as string;
        const additions = elements.map((element, n) => ok(element, n));
        const all = read(1000, ...elements);
        expect(checkSetFull(additions, [all])).toEqual({ ...clean, acknowledged: elements.length });
        const without = read(1000, ...elements.filter((element) => element !== victim));
        expect(checkSetFull(additions, [without]).lost).toEqual([victim]);
      }),
    );
  });
});

describe('total-queue', () => {
  test('everything in and out once, at every consumer, is fine', () => {
    const result = checkTotalQueue(
      [ok('a'), unknown('b'), fail('c')],
      [
        ['a', 'b'],
        ['b', 'a'],
      ],
    );
    expect(result).toEqual({ lost: [], duplicated: [], unexpected: [], recovered: ['b'] });
  });

  test('finds what one consumer did not get, got twice, or should not have got', () => {
    expect(checkTotalQueue([ok('a'), ok('b')], [['a', 'b'], ['a']])).toMatchObject({ lost: ['b'] });
    expect(checkTotalQueue([ok('a')], [['a', 'a']])).toMatchObject({ duplicated: ['a'] });
    expect(checkTotalQueue([fail('a')], [['a', 'x']])).toMatchObject({ unexpected: ['a', 'x'] });
  });
});

describe('unique-ids', () => {
  test('one id each, told any number of times, is fine', () => {
    const assignments = [
      { id: '1', of: 'a' },
      { id: '1', of: 'a' },
      { id: '2', of: 'b' },
    ];
    expect(checkUniqueIds(assignments)).toEqual({ reused: [], conflicting: [] });
  });

  test('finds an id of two things and a thing of two ids', () => {
    const reused = [
      { id: '1', of: 'a' },
      { id: '1', of: 'b' },
    ];
    expect(checkUniqueIds(reused)).toEqual({ reused: ['1'], conflicting: [] });
    const conflicting = [
      { id: '1', of: 'a' },
      { id: '2', of: 'a' },
    ];
    expect(checkUniqueIds(conflicting)).toEqual({ reused: [], conflicting: ['a'] });
  });
});

describe('the chain of a syncing client', () => {
  const room = ['a', 'b', 'c', 'd', 'e'];
  const fine = { gaps: [], repeats: [], unknown: [], outOfOrder: [] };

  test('may begin anywhere, and is then complete to the end', () => {
    expect(checkSyncChain(room, room)).toEqual(fine);
    expect(checkSyncChain(room, ['c', 'd', 'e'])).toEqual(fine);
  });

  test('finds a gap in the middle and at the end', () => {
    expect(checkSyncChain(room, ['a', 'b', 'd', 'e'])).toEqual({ ...fine, gaps: ['c'] });
    expect(checkSyncChain(room, ['b', 'c'])).toEqual({ ...fine, gaps: ['d', 'e'] });
  });

  test('finds repeats, strangers and changes of order', () => {
    expect(checkSyncChain(room, ['d', 'e', 'd'])).toEqual({ ...fine, repeats: ['d'] });
    expect(checkSyncChain(room, ['d', 'x', 'e'])).toEqual({ ...fine, unknown: ['x'] });
    expect(checkSyncChain(room, ['c', 'e', 'd'])).toEqual({ ...fine, outOfOrder: ['d'] });
  });

  test('finds any one event that is left out or repeated', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), (size, at) => {
        const events = Array.from({ length: size }, (_, n) => `$${n}`);
        const victim = 1 + (at % (size - 1));
        const left = events.filter((_, n) => n !== victim);
        expect(checkSyncChain(events, left).gaps).toEqual([`$${victim}`]);
        expect(checkSyncChain(events, [...events, `$${victim}`]).repeats).toEqual([`$${victim}`]);
      }),
    );
  });
});
