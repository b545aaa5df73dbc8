import { expect, test } from 'vitest';
import { createPasswords, DEFAULT_COST, requireGoodPassword } from '../../server/src/users/passwords.ts';

const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

test('a hash is argon2id with a salt of its own, and only the right password fits', async () => {
  const passwords = createPasswords({ cost: CHEAP });
  const [one, two] = [await passwords.hash('grüße 😀'), await passwords.hash('grüße 😀')];
  expect(one).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(one).not.toBe(two);
  expect(await passwords.check('grüße 😀', one)).toEqual({ ok: true, isOutdated: false });
  expect(await passwords.check('grüße', one)).toEqual({ ok: false });
});

test('the default cost is the OWASP floor, and hashes of another cost are marked to be renewed', async () => {
  expect(DEFAULT_COST).toEqual({ memoryKiB: 19_456, passes: 2, lanes: 1 });
  const old = await createPasswords({ cost: CHEAP }).hash('a password');
  expect(await createPasswords().check('a password', old)).toEqual({ ok: true, isOutdated: true });
});

test('A7.1 what is stored in no known form fits nothing', async () => {
  const passwords = createPasswords({ cost: CHEAP });
  for (const stored of [
    null,
    undefined,
    '',
    'plain',
    '$argon2id$v=19$m=64,t=1,p=1$AAAA$',
    '$2b$10$abcdefghijklmnopqrstuv',
  ])
    expect(await passwords.check('', stored)).toEqual({ ok: false });
});

test('A3.5 an unknown user takes as long as a wrong password', async () => {
  const passwords = createPasswords();
  const stored = await passwords.hash('the password');
  // The fastest of several rounds: the others may have had to wait for the processor.
  let [known, unknown] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < 6; i++) {
    const start = performance.now();
    await passwords.check('a guess', stored);
    const between = performance.now();
    await passwords.check('a guess', null);
    [known, unknown] = [Math.min(known, between - start), Math.min(unknown, performance.now() - between)];
  }
  expect(unknown / known).toBeGreaterThan(0.2);
  expect(unknown / known).toBeLessThan(5);
});

test('more than a bounded number of waiting logins is sent away', async () => {
  const passwords = createPasswords({ cost: CHEAP, parallel: 1, waiting: 2 });
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => passwords.hash('a password')));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(3);
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ errcode: 'M_LIMIT_EXCEEDED', status: 429 });
  await expect(passwords.hash('a password')).resolves.toContain('$argon2id$');
});

test('passwords have 8 to 512 characters', () => {
  expect(() => requireGoodPassword('1234567')).toThrow(expect.objectContaining({ errcode: 'M_WEAK_PASSWORD' }));
  expect(() => requireGoodPassword('x'.repeat(513))).toThrow(expect.objectContaining({ errcode: 'M_WEAK_PASSWORD' }));
  requireGoodPassword('12345678');
  requireGoodPassword('😀'.repeat(512));
});
