import { describe, expect, it } from 'vitest';
import { openIdBlocks } from '../../server/src/storage/id-blocks.ts';
import {
  deriveSnapshot,
  insertSnapshots,
  openStateSnapshots,
  type Snapshot,
  snapshotDifference,
  snapshotEntries,
  snapshotGet,
} from '../../server/src/storage/state-snapshots.ts';
import { fc } from '../harness/properties.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();

/** Snapshots after each of the changes, one upon the other. */
function chainOf(changes: readonly (readonly [key: number, event: number])[]): Snapshot[] {
  const chain: Snapshot[] = [];
  for (const [index, [key, event]] of changes.entries())
    chain.push(deriveSnapshot(index + 1, chain.at(-1), new Map([[key, event]])));
  return chain;
}

function depthOf(snapshot: Snapshot | undefined): number {
  let depth = 0;
  for (let at = snapshot; at !== undefined; at = at.parent) depth += 1;
  return depth;
}

/** As many keys of a state, from the first one on. */
function wholeState({ keys, first }: { readonly keys: number; readonly first: number }): Map<number, number> {
  return new Map(Array.from({ length: keys }, (_, index) => [first + index, first + index]));
}

const changes = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 500 })), {
  minLength: 1,
  maxLength: 120,
});

describe('state snapshots', () => {
  it('hold what a plain map would hold after the same changes', () => {
    fc.assert(
      fc.property(changes, (list) => {
        const plain = new Map<number, number>();
        const chain = chainOf(list);
        for (const [index, [key, event]] of list.entries()) {
          if (event === 0) plain.delete(key);
          else plain.set(key, event);
          expect(snapshotEntries(chain[index])).toEqual(plain);
          for (let probe = 1; probe <= 12; probe++) expect(snapshotGet(chain[index], probe)).toBe(plain.get(probe));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('tell the difference between any two of them, forks included', () => {
    fc.assert(
      fc.property(changes, changes, fc.nat(), (trunk, branch, fork) => {
        const chain = chainOf(trunk);
        let tip = chain[fork % chain.length];
        for (const [index, [key, event]] of branch.entries())
          tip = deriveSnapshot(1_000 + index, tip, new Map([[key, event]]));
        const before = snapshotEntries(chain.at(-1));
        for (const [key, event] of snapshotDifference(chain.at(-1), tip)) {
          if (event === 0) before.delete(key);
          else before.set(key, event);
        }
        expect(before).toEqual(snapshotEntries(tip));
      }),
      { numRuns: 60 },
    );
  });

  it('stay small for a room of 10,000 state events: short chains, and few pairs per event', () => {
    const chain = chainOf(Array.from({ length: 10_000 }, (_, index) => [index + 1, index + 1] as const));
    const pairs = chain.reduce((sum, snapshot) => sum + snapshot.changes.size, 0);
    expect(Math.max(...chain.map(depthOf))).toBeLessThanOrEqual(10);
    expect(pairs / chain.length).toBeLessThan(20);
  });

  it('write a whole room that was told at once only once, however much changes in it afterwards', () => {
    const members = new Map(Array.from({ length: 10_000 }, (_, index) => [index + 1, index + 1]));
    const chain = [deriveSnapshot(1, undefined, members)];
    for (let n = 2; n <= 3_000; n++)
      chain.push(deriveSnapshot(n, chain.at(-1), new Map([[(n * 7) % 10_000, 100_000 + n]])));
    const pairs = chain.slice(1).reduce((sum, snapshot) => sum + snapshot.changes.size, 0);
    expect(pairs / chain.length).toBeLessThan(20);
    expect(Math.max(...chain.map(depthOf))).toBeLessThanOrEqual(6);
    expect(snapshotEntries(chain.at(-1)).size).toBe(10_000);
  });

  it('have at most ten links for any state, whatever forks and whole states the room was given', () => {
    const told = fc.record({ keys: fc.integer({ min: 0, max: 60 }), first: fc.integer({ min: 1, max: 500 }) });
    const steps = fc.array(fc.record({ from: fc.nat(), length: fc.integer({ min: 1, max: 600 }), told }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, fc.boolean(), (list, isTold) => {
        const all: Snapshot[] = isTold ? [deriveSnapshot(1, undefined, wholeState({ keys: 60, first: 1 }))] : [];
        for (const { from, length, told } of list) {
          let tip = all[from % Math.max(all.length, 1)];
          for (let n = 0; n < length; n++) {
            const changes = n === 0 ? wholeState(told) : new Map([[1 + ((n * 31) % 700), all.length]]);
            tip = deriveSnapshot(all.length + 1, tip, changes);
            all.push(tip);
          }
        }
        expect(Math.max(...all.map(depthOf))).toBeLessThanOrEqual(10);
      }),
      { numRuns: 40 },
    );
  });

  it('are read back from the database as they were', async () => {
    const list = Array.from({ length: 200 }, (_, index) => [(index % 70) + 1, index % 9] as const);
    const chain = chainOf(list);
    await db.transaction(async (tx) => insertSnapshots(tx, chain));
    const snapshots = openStateSnapshots(db, openIdBlocks(db, 'state_snapshot_ids', 64));
    for (const snapshot of [chain[0], chain[63], chain[64], chain[199]]) {
      if (snapshot === undefined) throw new Error('too short a chain');
      expect(snapshotEntries(await snapshots.load(snapshot.id))).toEqual(snapshotEntries(snapshot));
    }
    await expect(snapshots.load(999_999)).rejects.toThrow('there is no state snapshot 999999');
  });
});
