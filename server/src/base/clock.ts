/** Time as a parameter, so that tests decide what time it is. */
export interface Clock {
  /** Wall clock in milliseconds since 1970, for what the protocol shows. */
  now(): number;
  /** Milliseconds that never go backwards, for intervals and deadlines. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
