/** Joins calls for the same key that come while one is under way: all get the outcome of the first. */
export class SingleFlight<K, V> {
  readonly #running = new Map<K, Promise<V>>();

  isRunning(key: K): boolean {
    return this.#running.has(key);
  }

  run(key: K, work: () => Promise<V>): Promise<V> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = work().finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }
}
