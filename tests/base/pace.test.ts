import { expect, test } from 'vitest';
import { Pace } from '../../server/src/base/pace.ts';
import { testClock } from '../harness/test-clock.ts';

test('turns are given out in order and spread over time', () => {
  const clock = testClock();
  const pace = new Pace(40, clock);
  expect([pace.reserve(), pace.reserve(), pace.reserve()]).toEqual([0, 40, 80]);
  clock.advance(100);
  expect([pace.reserve(), pace.reserve()]).toEqual([20, 60]);
  clock.advance(1_000);
  expect([pace.reserve(), pace.reserve()]).toEqual([0, 40]);
});
