import type { Clock } from '../base/clock.ts';
import { LruCache } from '../base/lru-cache.ts';

/** How long nothing is asked after the first time that patience was lost; it doubles with each further time. */
const FIRST_MS = 60_000;
const LONGEST_MS = 3_600_000;
/** Those with whom patience was lost that are remembered. */
const REMEMBERED = 2_000;

/** With whom it is worth looking for what is missing. One per process: another one that is asked has patience of its own. */
export interface Patience {
  hasFor(key: string): boolean;
  /** Looking cost much. */
  lose(key: string): void;
  /** It did not. */
  restore(key: string): void;
}

export function newPatience(clock: Clock): Patience {
  const lost = new LruCache<string, { readonly until: number; readonly ms: number }>(REMEMBERED);
  return {
    hasFor: (key) => (lost.get(key)?.until ?? 0) <= clock.monotonic(),
    lose(key) {
      const ms = Math.min((lost.get(key)?.ms ?? FIRST_MS / 2) * 2, LONGEST_MS);
      lost.set(key, { until: clock.monotonic() + ms, ms });
    },
    restore: (key) => void lost.delete(key),
  };
}
