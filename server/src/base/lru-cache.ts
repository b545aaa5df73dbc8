interface Entry<V> {
  readonly value: V;
  readonly size: number;
  /** Number of the use for which it was last put at the end. */
  usedAt: number;
}

/**
 * A map that forgets what was used longest ago once it holds more than `capacity` units of size. Of uses that are not long
 * ago the order is not kept: moving an entry costs many times what finding it does.
 */
export class LruCache<K, V> {
  readonly #entries = new Map<K, Entry<V>>();
  readonly #capacity: number;
  #size = 0;
  #uses = 0;

  /** @param capacity sum of the sizes given to `set`; an entry counts 1 where none is given */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    // While fewer than a quarter of the entries have been put behind it, it stays where it is.
    if ((this.#uses - entry.usedAt) * 4 < this.#entries.size) return entry.value;
    this.#entries.delete(key);
    entry.usedAt = ++this.#uses;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: K, value: V, size = 1): void {
    this.delete(key);
    this.#entries.set(key, { value, size, usedAt: ++this.#uses });
    this.#size += size;
    if (this.#size <= this.#capacity) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#capacity) break;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }
}
