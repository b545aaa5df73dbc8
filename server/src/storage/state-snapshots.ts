import { LruCache } from '../base/lru-cache.ts';
import type { Queryable, Transaction } from './database.ts';
import type { IdBlocks } from './id-blocks.ts';

/**
 * Room state at one point, immutable: state key nid → event nid. Each snapshot holds only the difference to its parent. Its
 * sequence number counts the steps since the first state that we had of the room; the parent is the ancestor whose sequence
 * number has the lowest non-zero octal digit cleared, and where that leaves nothing, the first state, which may be a whole room
 * that we were told at once. So a chain has the first state and one element per octal digit (≤ 6 up to 32,767 state events),
 * and each change is written about 3.5 times per digit in the long run: both stay small, whatever the size of the room.
 */
export interface Snapshot {
  readonly id: number;
  readonly sequence: number;
  readonly parent: Snapshot | undefined;
  /** Changes against the parent; 0 stands for a key that the parent has and this one lacks. */
  readonly changes: ReadonlyMap<number, number>;
}

const RADIX = 8;
function parentSequence(sequence: number): number {
  let unit = 1;
  while (sequence % (unit * RADIX) === 0) unit *= RADIX;
  return sequence - (sequence % (unit * RADIX));
}

export function snapshotGet(snapshot: Snapshot | undefined, key: number): number | undefined {
  for (let at = snapshot; at !== undefined; at = at.parent) {
    const event = at.changes.get(key);
    if (event !== undefined) return event === 0 ? undefined : event;
  }
  return undefined;
}

/** The whole state as one map. */
export function snapshotEntries(snapshot: Snapshot | undefined): Map<number, number> {
  const chain: Snapshot[] = [];
  for (let at = snapshot; at !== undefined; at = at.parent) chain.push(at);
  const entries = new Map<number, number>();
  for (const part of chain.reverse()) {
    for (const [key, event] of part.changes) {
      if (event === 0) entries.delete(key);
      else entries.set(key, event);
    }
  }
  return entries;
}

/** What differs from `before` to `after`; 0 stands for a key that is gone. Costs only what lies above a common ancestor. */
export function snapshotDifference(before: Snapshot | undefined, after: Snapshot | undefined): Map<number, number> {
  const difference = new Map<number, number>();
  if (before === after || before?.id === after?.id) return difference;
  const ancestors = new Set<number>();
  for (let at = before; at !== undefined; at = at.parent) ancestors.add(at.id);
  let common = after;
  while (common !== undefined && !ancestors.has(common.id)) common = common.parent;
  const touched = new Set<number>();
  for (const from of [before, after])
    for (let at = from; at !== undefined && at.id !== common?.id; at = at.parent)
      for (const key of at.changes.keys()) touched.add(key);
  for (const key of touched) {
    const now = snapshotGet(after, key) ?? 0;
    if ((snapshotGet(before, key) ?? 0) !== now) difference.set(key, now);
  }
  return difference;
}

/** The snapshot that follows `from` by `changes`; it has to be stored with `insertSnapshots`. */
export function deriveSnapshot(id: number, from: Snapshot | undefined, changes: ReadonlyMap<number, number>): Snapshot {
  const sequence = (from?.sequence ?? 0) + 1;
  const wanted = parentSequence(sequence);
  let parent = from;
  while (parent?.parent !== undefined && parent.sequence > wanted) parent = parent.parent;
  const all = new Map<number, number>();
  const between: Snapshot[] = [];
  for (let at = from; at !== undefined && at.id !== parent?.id; at = at.parent) between.push(at);
  for (const part of between.reverse()) for (const [key, event] of part.changes) all.set(key, event);
  for (const [key, event] of changes) all.set(key, event);
  if (parent === undefined) for (const [key, event] of all) if (event === 0) all.delete(key);
  return { id, sequence, parent, changes: all };
}

interface Row {
  id: number;
  parent: number | null;
  sequence: number;
  state_key_nids: number[];
  event_nids: number[];
}

const LOAD = `WITH RECURSIVE chain (id, parent) AS (
  SELECT id, parent FROM state_snapshots WHERE id = ANY ($1::bigint[])
  UNION SELECT s.id, s.parent FROM state_snapshots s JOIN chain ON s.id = chain.parent
) SELECT s.id, s.parent, s.sequence, s.state_key_nids, s.event_nids FROM chain JOIN state_snapshots s ON s.id = chain.id
  ORDER BY s.sequence`;

const INSERT = `INSERT INTO state_snapshots (id, parent, sequence, state_key_nids, event_nids)
  SELECT id, parent, sequence, keys::bigint[], events::bigint[]
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]) AS s (id, parent, sequence, keys, events)`;

export interface StateSnapshots {
  /** Throws if there is no such snapshot: ids come only from our own rows. */
  load(id: number): Promise<Snapshot>;
  /** The same for many at once, by id; null and undefined are left out. */
  loadAll(ids: readonly (number | null | undefined)[]): Promise<Map<number, Snapshot>>;
  /** Ids for snapshots about to be made. */
  ids: IdBlocks;
  /** Lets later loads find a snapshot that has been committed. */
  remember(snapshot: Snapshot): void;
  /** Ids of stored snapshots by what they are resolved from (see `resolve-state.ts`): neither ever changes. */
  readonly resolutions: LruCache<string, number>;
}

export function openStateSnapshots(db: Queryable, ids: IdBlocks): StateSnapshots {
  const cache = new LruCache<number, Snapshot>(2_000_000);
  const remember = (snapshot: Snapshot) => cache.set(snapshot.id, snapshot, snapshot.changes.size + 4);

  async function loadAll(wanted: Parameters<StateSnapshots['loadAll']>[0]): Promise<Map<number, Snapshot>> {
    const found = new Map<number, Snapshot>();
    const missing = new Set<number>();
    for (const id of wanted) {
      const cached = id == null ? undefined : cache.get(id);
      if (cached !== undefined) found.set(cached.id, cached);
      else if (id != null) missing.add(id);
    }
    if (missing.size === 0) return found;
    const loaded = new Map<number, Snapshot>();
    // A parent's sequence number is smaller than that of its children, so it comes before them.
    for (const { id, parent: parentId, sequence, state_key_nids: keys, event_nids: events } of await db.query<Row>(
      LOAD,
      [[...missing]],
    )) {
      const parent = parentId === null ? undefined : loaded.get(parentId);
      const changes = new Map(keys.map((key, index) => [key, events[index] ?? 0]));
      const snapshot = cache.get(id) ?? { id, sequence, parent, changes };
      loaded.set(id, snapshot);
      remember(snapshot);
    }
    for (const id of missing) {
      const snapshot = loaded.get(id);
      if (snapshot === undefined) throw new Error(`there is no state snapshot ${id}`);
      found.set(id, snapshot);
    }
    return found;
  }

  return {
    ids,
    remember,
    resolutions: new LruCache(20_000),
    loadAll,
    async load(id) {
      const snapshot = cache.get(id) ?? (await loadAll([id])).get(id);
      if (snapshot === undefined) throw new Error(`there is no state snapshot ${id}`);
      return snapshot;
    },
  };
}

export function insertSnapshots(tx: Transaction, snapshots: readonly Snapshot[]): void {
  if (snapshots.length === 0) return;
  tx.enqueue(INSERT, [
    snapshots.map((snapshot) => snapshot.id),
    snapshots.map((snapshot) => snapshot.parent?.id ?? null),
    snapshots.map((snapshot) => snapshot.sequence),
    snapshots.map((snapshot) => `{${[...snapshot.changes.keys()].join(',')}}`),
    snapshots.map((snapshot) => `{${[...snapshot.changes.values()].join(',')}}`),
  ]);
}
