import { expect, test } from 'vitest';
import { createDestinationBackoff, retryWaitMs } from '../../server/src/federation/destination-backoff.ts';
import { RECOVERY_CHANNEL } from '../../server/src/storage/destinations.ts';
import { testDatabase } from '../harness/test-database.ts';
import { manualClock } from './manual-clock.ts';

const db = await testDatabase();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function scene() {
  const clock = manualClock();
  const process = () =>
    createDestinationBackoff({
      db,
      clock,
      random: () => 0.5,
      onError: (error) => {
        throw error;
      },
    });
  return { clock, first: process(), second: process() };
}

test.each([
  [0, 1_000],
  [MINUTE, 1_000],
  [10 * MINUTE, 4_688],
  [HOUR, 28_125],
  [24 * HOUR, 675_000],
  [30 * 24 * HOUR, HOUR],
])('%i ms into an outage the next try is %i ms away', (outageMs, waitMs) => {
  expect(retryWaitMs(outageMs, 0.5)).toBe(waitMs);
  expect(retryWaitMs(outageMs, 0)).toBe(Math.round(waitMs * 0.8));
});

test('an outage of ten minutes is found to be over within seconds, at the cost of few tries', async () => {
  const { clock, first } = scene();
  let tries = 0;
  for (const start = clock.now(); clock.now() < start + 10 * MINUTE; tries++) {
    await first.failed('a.example');
    const wait = (await first.outage('a.example'))?.waitMs ?? 0;
    expect(wait).toBeLessThan(5_000);
    clock.advance(wait);
  }
  expect(tries).toBeLessThan(400);
});

test('an outage is known to all processes and ends for all, who are told', async () => {
  const { first, second } = scene();
  const connection = await db.connect(() => {});
  const told: string[] = [];
  const lastTold = new Promise<void>((resolve) => {
    connection.onNotification((_channel, server) => {
      told.push(server);
      if (server === 'last.example') resolve();
    });
  });
  await connection.query(`LISTEN ${RECOVERY_CHANNEL}`);
  await first.failed('b.example');
  expect(await second.outage('b.example')).toEqual({ waitMs: 1_000 });
  await second.succeeded('b.example');
  expect(await first.outage('b.example')).toBeUndefined();
  await second.succeeded('b.example');
  await first.failed('last.example');
  await first.succeeded('last.example');
  await lastTold;
  expect(told).toEqual(['b.example', 'last.example']);
  await connection.close();
});

test('an outage ends when the server talks to us', async () => {
  const { first, second } = scene();
  const connection = await db.connect(() => {});
  const told = new Promise<string>((resolve) => connection.onNotification((_channel, server) => resolve(server)));
  await connection.query(`LISTEN ${RECOVERY_CHANNEL}`);
  await first.failed('c.example');
  await second.heardFrom('c.example');
  expect(await told).toBe('c.example');
  expect(await first.outage('c.example')).toBeUndefined();
  await connection.close();
});

test('the wall clock being set back does not make a wait longer', async () => {
  const { clock, first } = scene();
  await first.failed('d.example');
  for (const step of [-HOUR, -365 * 24 * HOUR]) {
    clock.stepWall(step);
    expect((await first.outage('d.example'))?.waitMs).toBeLessThanOrEqual(1_200);
    await first.failed('d.example');
  }
});
