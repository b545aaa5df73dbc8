/**
 * How long to wait after the `failures`-th failure in a row (1 for the first): `firstMs` doubled each time, at most `mostMs`,
 * then shortened at random by up to a quarter, so that what failed together does not come back together.
 * @param random a number from 0 (inclusive) to 1 (exclusive)
 */
export function backoffMs(failures: number, firstMs: number, mostMs: number, random: number): number {
  const doubled = firstMs * 2 ** Math.min(failures - 1, 40);
  return Math.min(doubled, mostMs) * (1 - random / 4);
}
