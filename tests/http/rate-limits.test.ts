import { describe, expect, onTestFinished, test } from 'vitest';
import { TokenBuckets } from '../../server/src/base/token-buckets.ts';
import { addressBucket, createRateLimits, type RateLimits } from '../../server/src/http/rate-limits.ts';
import { addSpent, forgetFullBuckets, giveTokenBack, takeToken } from '../../server/src/storage/rate-limits.ts';
import { testClock } from '../harness/test-clock.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const HOUR = 3_600_000;

describe('buckets', () => {
  const size = { perSecond: 2, burst: 3 };

  test('a bucket gives its burst at once and then one token per interval', () => {
    const buckets = new TokenBuckets();
    expect([1, 2, 3].map(() => buckets.take('a', size, 0))).toEqual([0, 0, 0]);
    expect(buckets.take('a', size, 0)).toBe(500);
    expect(buckets.take('a', size, 499)).toBe(1);
    expect(buckets.take('a', size, 500)).toBe(0);
    expect(buckets.take('a', size, 500)).toBe(500);
    expect(buckets.take('b', size, 500)).toBe(0);
    expect([1, 2, 3, 4].map(() => buckets.take('a', size, 10_000))).toEqual([0, 0, 0, 500]);
  });

  test('several tokens are taken together or not at all', () => {
    const buckets = new TokenBuckets();
    expect(buckets.take('a', size, 0, 2)).toBe(0);
    expect(buckets.take('a', size, 0, 2)).toBe(500);
    expect(buckets.take('a', size, 0, 1)).toBe(0);
    expect(buckets.take('b', size, 0, 3)).toBe(0);
    expect([...buckets.takeUnshared(10)]).toEqual([
      ['a', 1500],
      ['b', 1500],
    ]);
  });

  test('what was granted is handed over once, and the common state is taken over', () => {
    const buckets = new TokenBuckets();
    buckets.take('a', size, 0);
    buckets.take('a', size, 0);
    expect([...buckets.takeUnshared(10)]).toEqual([['a', 1000]]);
    expect(buckets.takeUnshared(10).size).toBe(0);
    buckets.correct('a', 1500, 0);
    expect(buckets.take('a', size, 0)).toBe(500);
    expect(buckets.prune(1499)).toBe(1);
    expect(buckets.prune(1500)).toBe(0);
  });
});

describe('in Postgres', () => {
  test('a bucket gives its burst to all processes together', async () => {
    const waits = await Promise.all(Array.from({ length: 10 }, () => takeToken(db, 'strict', 60_000, 2 * 60_000)));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
    for (const wait of waits.filter((ms) => ms > 0)) expect(wait).toBeGreaterThan(50_000);
    await giveTokenBack(db, 'strict', 60_000);
    expect(await takeToken(db, 'strict', 60_000, 2 * 60_000)).toBe(0);
  });

  test('a clock that is set back by an hour locks nobody out for one', async () => {
    while ((await takeToken(db, 'back', 1_000, 2_000)) === 0);
    await addSpent(db, new Map([['soft back', 5_000]]), 10_000);
    // What the buckets look like then.
    await db.query(`UPDATE rate_limits SET paid_until = paid_until + $1 WHERE bucket LIKE '%back'`, [HOUR]);
    expect(await takeToken(db, 'back', 1_000, 2_000)).toBeLessThanOrEqual(1_000);
    expect((await addSpent(db, new Map([['soft back', 1_000]]), 10_000)).get('soft back')).toBeLessThanOrEqual(11_000);
    await db.query(`DELETE FROM rate_limits WHERE bucket LIKE '%back'`);
  });

  test('what processes granted on their own adds up, and full buckets are forgotten', async () => {
    await addSpent(db, new Map([['soft', 1_000_000]]), HOUR);
    const spent = (await addSpent(db, new Map([['soft', 1_000_000]]), HOUR)).get('soft');
    // It is paid back as time goes by.
    expect(spent).toBeGreaterThan(1_900_000);
    expect(spent).toBeLessThanOrEqual(2_000_000);
    await addSpent(db, new Map([['empty', -1]]), HOUR);
    await forgetFullBuckets(db);
    const rows = await db.query<{ bucket: string }>('SELECT bucket FROM rate_limits ORDER BY 1');
    expect(rows.map((row) => row.bucket)).toEqual(['soft', 'strict']);
  });
});

test('two processes share a limit within a second or so', async () => {
  const anything = { perSecond: 1000, burst: 1000 };
  const clock = testClock();
  const process = (): RateLimits =>
    createRateLimits({
      clock,
      onError: (error) => {
        throw error;
      },
      sizes: {
        login: anything,
        registration: anything,
        message: { perSecond: 0.001, burst: 4 },
        join: anything,
        invite: anything,
        media: anything,
        read: anything,
        federation: anything,
      },
      shared: {
        takeToken: (...args) => takeToken(db, ...args),
        giveTokenBack: (...args) => giveTokenBack(db, ...args),
        addSpent: (...args) => addSpent(db, ...args),
        forgetFullBuckets: () => forgetFullBuckets(db),
      },
    });
  const [one, other] = [process(), process()];
  onTestFinished(async () => {
    await one.stop();
    await other.stop();
  });
  await other.take('message', '@a:x');
  for (let i = 0; i < 4; i++) await one.take('message', '@a:x');
  await expect(one.take('message', '@a:x')).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED', status: 429 });
  await expect
    .poll(async () => (await db.query(`SELECT 1 FROM rate_limits WHERE bucket = 'message @a:x'`)).length)
    .toBe(1);
  await expect
    .poll(
      () =>
        other.take('message', '@a:x').then(
          () => 'granted',
          (error) => error.errcode,
        ),
      { interval: 500 },
    )
    .toBe('M_LIMIT_EXCEEDED');
  await other.take('message', '@b:x');
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('the address %s counts as %s', (ip, bucket) => {
  expect(addressBucket(ip)).toBe(bucket);
});
