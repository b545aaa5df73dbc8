import type { TimelineItem } from '../../view-models/timeline-items.ts';
import { estimateRow } from './row-estimate.ts';

const MAX_KNOWN = 2000;

/**
 * How high rows turned out to be, in pixels, by their key. Kept from room to room, so that a room one comes back to is laid out
 * once and not corrected.
 */
export class RowHeights {
  readonly #known = new Map<string, number>();

  get(key: string): number | undefined {
    return this.#known.get(key);
  }

  keep(key: string, height: number): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(key, height);
  }

  /** Of a row that may not have been drawn yet. */
  guess(item: TimelineItem, width: number): number {
    return this.#known.get(item.key) ?? estimateRow(item, width);
  }
}
