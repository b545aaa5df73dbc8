import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/**
 * `ok`: a positive answer was read. `fail`: the server said definitely no. `unknown`: everything else; it may have happened
 * or not, and a repetition with the same transaction id must settle it to exactly one effect.
 */
export type Outcome = 'ok' | 'fail' | 'unknown';

/** One line of the record that a torture run leaves behind and that its checkers read. */
export interface Operation {
  readonly worker: string;
  readonly op: string;
  /** What it was done to: a room, a stream. */
  readonly key: string;
  /** What was added, or what was read. */
  readonly value: unknown;
  /** Milliseconds of one monotonic clock for all workers. */
  readonly start: number;
  readonly end: number;
  readonly outcome: Outcome;
  /** Why it was not `ok`. */
  readonly reason?: string;
}

export interface OperationLog {
  readonly operations: readonly Operation[];
  add(operation: Operation): void;
  /** Runs an operation and records what became of it; `classify` says what its answer means. */
  record<T>(
    described: Pick<Operation, 'worker' | 'op' | 'key' | 'value'>,
    work: () => Promise<T>,
    classify: (answer: T) => { outcome: Outcome; value?: unknown; reason?: string },
  ): Promise<{ answer: T | undefined; outcome: Outcome }>;
  /** How often each operation had each outcome. */
  counts(): Record<string, Record<Outcome, number>>;
  close(): Promise<void>;
}

/** @param file where every line is also written, so that it can be checked again later */
export function createOperationLog(file?: string): OperationLog {
  const operations: Operation[] = [];
  const output = file === undefined ? undefined : createWriteStream(file);

  function add(operation: Operation): void {
    operations.push(operation);
    output?.write(`${JSON.stringify(operation)}\n`);
  }

  return {
    operations,
    add,
    async record(described, work, classify) {
      const start = performance.now();
      try {
        const answer = await work();
        const { outcome, ...more } = classify(answer);
        add({ ...described, ...more, start, end: performance.now(), outcome });
        return { answer, outcome };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        add({ ...described, start, end: performance.now(), outcome: 'unknown', reason });
        return { answer: undefined, outcome: 'unknown' };
      }
    },
    counts() {
      const counts: Record<string, Record<Outcome, number>> = {};
      for (const { op, outcome } of operations) {
        counts[op] ??= { ok: 0, fail: 0, unknown: 0 };
        counts[op][outcome]++;
      }
      return counts;
    },
    async close() {
      if (output === undefined) return;
      output.end();
      await finished(output);
    },
  };
}
