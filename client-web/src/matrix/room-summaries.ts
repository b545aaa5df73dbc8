import type { RoomSummary } from './room-summary.ts';

/**
 * The summaries of all rooms the user has something to do with, left ones too, by room id. The map and each summary in it
 * stay the same objects until something in them changes. Knows nothing of the SDK, so that it is there before it.
 */
export class RoomSummaries {
  #rooms: ReadonlyMap<string, RoomSummary>;
  readonly #listeners = new Set<() => void>();

  /** @param known what is known of the rooms from an earlier visit */
  constructor(known: Iterable<RoomSummary> = []) {
    this.#rooms = new Map(Array.from(known, (summary) => [summary.roomId, summary]));
  }

  getAll(): ReadonlyMap<string, RoomSummary> {
    return this.#rooms;
  }

  get(roomId: string): RoomSummary | undefined {
    return this.#rooms.get(roomId);
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Puts in what changed, undefined for rooms that are gone. Listeners hear of it once, and only if anything did. */
  update(changes: Iterable<readonly [roomId: string, summary: RoomSummary | undefined]>): void {
    const next = new Map(this.#rooms);
    let hasChanged = false;
    for (const [roomId, after] of changes) {
      const before = next.get(roomId);
      if (after === undefined) {
        hasChanged = next.delete(roomId) || hasChanged;
      } else if (before === undefined || !isSame(before, after)) {
        next.set(roomId, after);
        hasChanged = true;
      }
    }
    if (!hasChanged) return;
    this.#rooms = next;
    for (const listener of [...this.#listeners]) listener();
  }
}

function isSame(before: RoomSummary, after: RoomSummary): boolean {
  return (Object.keys(after) as (keyof RoomSummary)[]).every((key) => isSameValue(before[key], after[key]));
}

/** Summaries hold plain values and flat objects of them. */
function isSameValue(before: unknown, after: unknown): boolean {
  if (Object.is(before, after)) return true;
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return false;
  const values = new Map(Object.entries(before));
  const entries = Object.entries(after);
  return entries.length === values.size && entries.every(([key, value]) => Object.is(values.get(key), value));
}
