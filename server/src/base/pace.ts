import type { Clock } from './clock.ts';

/** Spreads turns over time: at most one every `intervalMs`, given out in the order in which they are asked for. */
export class Pace {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(intervalMs: number, clock: Clock) {
    this.#intervalMs = intervalMs;
    this.#clock = clock;
  }

  /** Takes the next turn and answers how many milliseconds it is away; 0 when it is now. */
  reserve(): number {
    const now = this.#clock.monotonic();
    const turn = Math.max(now, this.#nextAt);
    this.#nextAt = turn + this.#intervalMs;
    return turn - now;
  }
}
