/** Random numbers that a seed decides, so that a failing run can be repeated (mulberry32). */
export interface SeededRandom {
  /** A number in [0, 1). */
  next(): number;
  /** An integer between both ends, both included. */
  integer(min: number, max: number): number;
  pick<T>(items: readonly T[]): T;
  /** A generator of its own, so that one worker's numbers do not depend on how fast the others are. */
  fork(): SeededRandom;
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new Error('nothing to pick from');
      return items[integer(0, items.length - 1)] as T;
    },
    fork: () => seededRandom(integer(0, 0xffff_ffff)),
  };
}
