import type { Outcome } from '../operation-log.ts';

export interface Enqueue {
  readonly element: string;
  readonly outcome: Outcome;
}

export interface TotalQueueResult {
  /** Acknowledged, and never came out. */
  readonly lost: string[];
  /** Came out more than once at one consumer. */
  readonly duplicated: string[];
  /** Came out although nobody put it in, or although every attempt was refused. */
  readonly unexpected: string[];
  /** Unknown when put in, and came out. */
  readonly recovered: string[];
}

/**
 * Does everything that goes in come out, once? (After Jepsen's total-queue.) Attempts at the same element are one element.
 *
 * @param consumers what each of them took out, in order; all of them must get everything
 */
export function checkTotalQueue(
  enqueues: readonly Enqueue[],
  consumers: readonly (readonly string[])[],
): TotalQueueResult {
  const acknowledged = new Set<string>();
  const attempted = new Set<string>();
  for (const { element, outcome } of enqueues) {
    if (outcome === 'ok') acknowledged.add(element);
    if (outcome !== 'fail') attempted.add(element);
  }
  const lost = new Set<string>();
  const duplicated = new Set<string>();
  const unexpected = new Set<string>();
  const recovered = new Set<string>();
  for (const taken of consumers) {
    const seen = new Set<string>();
    for (const element of taken) {
      if (seen.has(element)) duplicated.add(element);
      seen.add(element);
      if (!attempted.has(element)) unexpected.add(element);
      else if (!acknowledged.has(element)) recovered.add(element);
    }
    for (const element of acknowledged) if (!seen.has(element)) lost.add(element);
  }
  return { lost: [...lost], duplicated: [...duplicated], unexpected: [...unexpected], recovered: [...recovered] };
}
