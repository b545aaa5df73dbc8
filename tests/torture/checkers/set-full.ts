import type { Outcome } from '../operation-log.ts';

/** An attempt to add one element. All attempts at the same element are one addition. */
export interface Addition {
  readonly element: string;
  readonly outcome: Outcome;
  readonly end: number;
}

/** Everything that a reader saw at once. */
export interface FullRead {
  readonly elements: readonly string[];
  readonly start: number;
  readonly end: number;
}

export interface SetFullResult {
  readonly acknowledged: number;
  /** Known to have been added, and missing from the last read that could have shown it. */
  readonly lost: string[];
  /** Missing from a read that started after it was known, and seen later. */
  readonly stale: string[];
  /** Acknowledged, and no read started after that. */
  readonly neverRead: string[];
  /** More than once in one read. */
  readonly duplicated: string[];
  /** Seen although nobody tried to add it, or although every attempt was refused. */
  readonly unexpected: string[];
}

/**
 * Is every acknowledged element in every read that starts after its acknowledgement? (After Jepsen's set-full.) An element
 * whose addition ended in the unknown counts as known from the end of the first read that shows it.
 */
export function checkSetFull(additions: readonly Addition[], reads: readonly FullRead[]): SetFullResult {
  const acknowledgedAt = new Map<string, number>();
  const possible = new Set<string>();
  for (const { element, outcome, end } of additions) {
    if (outcome !== 'fail') possible.add(element);
    if (outcome === 'ok') acknowledgedAt.set(element, Math.min(end, acknowledgedAt.get(element) ?? end));
  }

  const sorted = reads.map((read) => ({ ...read, set: new Set(read.elements) })).sort((a, b) => a.start - b.start);
  const seen = new Map<string, { firstEnd: number }>();
  const duplicated = new Set<string>();
  const unexpected = new Set<string>();
  for (const { elements, end } of sorted) {
    const here = new Set<string>();
    for (const element of elements) {
      if (here.has(element)) duplicated.add(element);
      here.add(element);
      if (!possible.has(element)) unexpected.add(element);
      seen.set(element, { firstEnd: Math.min(end, seen.get(element)?.firstEnd ?? end) });
    }
  }

  const result: SetFullResult = {
    acknowledged: acknowledgedAt.size,
    lost: [],
    stale: [],
    neverRead: [],
    duplicated: [...duplicated],
    unexpected: [...unexpected],
  };
  for (const element of possible) {
    const knownAt = Math.min(acknowledgedAt.get(element) ?? Infinity, seen.get(element)?.firstEnd ?? Infinity);
    if (knownAt === Infinity) continue;
    const after = sorted.filter((read) => read.start >= knownAt);
    const missing = after.filter((read) => !read.set.has(element));
    if (after.length === 0 && !seen.has(element)) result.neverRead.push(element);
    if (missing.length === 0) continue;
    if (after.at(-1)?.set.has(element) === true) result.stale.push(element);
    else result.lost.push(element);
  }
  return result;
}
