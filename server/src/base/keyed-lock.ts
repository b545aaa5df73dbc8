/** Runs work one at a time per key, in the order of the calls; different keys run side by side. */
export class KeyedLock<K> {
  readonly #tails = new Map<K, Promise<unknown>>();

  async run<T>(key: K, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const running = before.then(work, work);
    const tail = running.catch(() => {}); // The error is the caller's; the next in line only waits for the end.
    this.#tails.set(key, tail);
    try {
      return await running;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
