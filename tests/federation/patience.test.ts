import { expect, test } from 'vitest';
import { newPatience } from '../../server/src/rooms/patience.ts';
import { testClock } from '../harness/test-clock.ts';

const MINUTE = 60_000;

test('whoever cost patience is left alone for a minute, then for twice as long each time, up to an hour', () => {
  const clock = testClock();
  const patience = newPatience(clock);
  expect(patience.hasFor('a')).toBe(true);
  for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
    patience.lose('a');
    clock.advance(minutes * MINUTE - 1);
    expect(patience.hasFor('a')).toBe(false);
    clock.advance(1);
    expect(patience.hasFor('a')).toBe(true);
  }
});

test('patience with one is not patience with another', () => {
  const patience = newPatience(testClock());
  patience.lose('a');
  expect(patience.hasFor('b')).toBe(true);
});

test('whoever did not cost it again is forgiven all of it', () => {
  const clock = testClock();
  const patience = newPatience(clock);
  for (let n = 0; n < 5; n++) patience.lose('a');
  patience.restore('a');
  expect(patience.hasFor('a')).toBe(true);
  patience.lose('a');
  clock.advance(MINUTE);
  expect(patience.hasFor('a')).toBe(true);
});

test('a wall clock that jumps does not give patience back', () => {
  const clock = testClock();
  const patience = newPatience(clock);
  patience.lose('a');
  clock.correct(24 * 60 * MINUTE);
  expect(patience.hasFor('a')).toBe(false);
});
