/** A queue that hands out the smallest entry first, by the given order: a binary heap, O(log n) per entry. */
export class PriorityQueue<T> {
  readonly #heap: T[] = [];
  readonly #isBefore: (a: T, b: T) => boolean;

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  push(entry: T): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(entry, heap[parent] as T)) break;
      heap[at] = heap[parent] as T;
      at = parent;
    }
    heap[at] = entry;
  }

  /** The smallest entry, which leaves the queue; `undefined` if it is empty. */
  pop(): T | undefined {
    const heap = this.#heap;
    const smallest = heap[0];
    const last = heap.pop();
    if (heap.length > 0) this.#sink(last as T);
    return smallest;
  }

  #sink(entry: T): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1] as T, heap[child] as T)) child++;
      if (!this.#isBefore(heap[child] as T, entry)) break;
      heap[at] = heap[child] as T;
      at = child;
    }
    heap[at] = entry;
  }
}
