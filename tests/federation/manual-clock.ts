import type { Clock } from '../../server/src/base/clock.ts';

/** A clock that stands still until the test moves it. Starts at a fixed wall time. */
export function manualClock(
  start = 1_700_000_000_000,
): Clock & { advance(ms: number): void; stepWall(ms: number): void } {
  let wall = start;
  let monotonic = 1_000_000;
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(ms) {
      wall += ms;
      monotonic += ms;
    },
    /** What an operator or a time server does to the wall clock alone. */
    stepWall(ms) {
      wall += ms;
    },
  };
}
