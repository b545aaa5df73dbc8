import { LruCache } from '../base/lru-cache.ts';
import type { LogFollower, LogRow } from './log-follower.ts';

export interface FollowedCacheOptions<V> {
  /** Sum of the sizes that are kept; what was used longest ago goes first. */
  readonly capacity: number;
  /** Key of the entry that a row of the log makes worthless; null for none. */
  readonly keyOf: (row: LogRow) => string | null;
  /** Size of an entry; 1 where it is left out. */
  readonly sizeOf?: (value: V) => number;
}

/** What a cache asks of a follower. */
type Follower = Pick<LogFollower, 'onRows' | 'position'>;

/** What was read from the database, kept until the log says that it changed. */
export class FollowedCache<V> {
  readonly #follower: Follower;
  readonly #entries: LruCache<string, V>;
  readonly #sizeOf: (value: V) => number;
  /** Rows so far that made any entry worthless. */
  #changes = 0;

  constructor(follower: Follower, { capacity, keyOf, sizeOf = () => 1 }: FollowedCacheOptions<V>) {
    this.#follower = follower;
    this.#entries = new LruCache(capacity);
    this.#sizeOf = sizeOf;
    follower.onRows((rows) => {
      for (const row of rows) {
        const key = keyOf(row);
        if (key === null) continue;
        this.#changes += 1;
        this.#entries.delete(key);
      }
    });
  }

  /** What is kept, if it is true of the log up to `until`: undefined where this process has not yet seen that much of it. */
  get(key: string, until: number): V | undefined {
    return this.#follower.position() < until ? undefined : this.#entries.get(key);
  }

  /** Reads anew, and keeps of what was read what `part` takes from it. */
  async read<T>(key: string, load: () => Promise<T>, part: (loaded: T) => V): Promise<T> {
    const before = this.#changes;
    const loaded = await load();
    // What was read while something changed may be from before the change.
    if (this.#changes === before) {
      const value = part(loaded);
      this.#entries.set(key, value, this.#sizeOf(value));
    }
    return loaded;
  }
}
