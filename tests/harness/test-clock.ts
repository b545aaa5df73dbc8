import type { Clock } from '../../server/src/base/clock.ts';

/** A clock that stands still until it is moved. */
export interface TestClock extends Clock {
  advance(ms: number): void;
  /** Sets the wall clock by so much, as somebody does who corrects it: no time passes. */
  correct(ms: number): void;
}

export function testClock(start = 1_750_000_000_000): TestClock {
  let elapsed = start;
  let corrected = 0;
  return {
    now: () => elapsed + corrected,
    monotonic: () => elapsed,
    advance(ms) {
      elapsed += ms;
    },
    correct(ms) {
      corrected += ms;
    },
  };
}
