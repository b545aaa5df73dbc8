import { expect, test } from 'vitest';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const closed = await accountServer(db.url, { policy: 'closed' });
const byToken = await accountServer(db.url, { policy: 'token', clock: server.clock });
const rateLimits = { registration: { burst: 2, perSecond: 0.001 } };
const [oneProcess, otherProcess] = [
  await accountServer(db.url, { rateLimits }),
  await accountServer(db.url, { rateLimits }),
];
const register = (body: Record<string, unknown>, on = server, query = '') =>
  on.call('POST', `/_matrix/client/v3/register${query}`, { body });
const dummy = { type: 'm.login.dummy' };

test('registration asks for the dummy stage first, also without any parameters, and then makes the account', async () => {
  const asked = await register({});
  expect([asked.status, asked.json]).toEqual([
    401,
    { flows: [{ stages: ['m.login.dummy'] }], params: {}, session: expect.any(String) },
  ]);
  const { session } = asked.json;
  const done = await register({ username: 'alice', password: 'a good password', auth: { ...dummy, session } });
  expect(done.status).toBe(200);
  expect(done.json).toEqual({
    user_id: '@alice:parley.test',
    device_id: expect.any(String),
    access_token: expect.any(String),
  });
  const again = await register({ username: 'alice2', password: 'a good password', auth: { session } });
  expect(again.status).toBe(401);
});

test('the device of the new account is the one asked for, and tokens can be refreshed when the client can', async () => {
  const { json } = await register({
    username: 'bob',
    password: 'a good password',
    device_id: 'LAPTOP',
    initial_device_display_name: "Bob's laptop",
    refresh_token: true,
    auth: dummy,
  });
  expect(json).toMatchObject({ device_id: 'LAPTOP', refresh_token: expect.any(String), expires_in_ms: 3_600_000 });
  const { json: device } = await server.call('GET', '/_matrix/client/v3/devices/LAPTOP', { token: json.access_token });
  expect(device.display_name).toBe("Bob's laptop");
});

test('inhibit_login makes the account without a session', async () => {
  const { json } = await register({ username: 'carol', password: 'a good password', inhibit_login: true, auth: dummy });
  expect(json).toEqual({ user_id: '@carol:parley.test' });
});

test('capitals in usernames are mapped to lower case, and without a username the server chooses one', async () => {
  expect((await register({ username: 'DaVe', password: 'a good password', auth: dummy })).json.user_id).toBe(
    '@dave:parley.test',
  );
  expect((await register({ password: 'a good password', auth: dummy })).json.user_id).toMatch(
    /^@[a-z]{12}:parley\.test$/,
  );
});

test.each([
  ['an invalid username', { username: 'no spaces', password: 'a good password' }, 'M_INVALID_USERNAME'],
  ['an empty username', { username: '', password: 'a good password' }, 'M_INVALID_USERNAME'],
  ['a username that is too long', { username: 'x'.repeat(250), password: 'a good password' }, 'M_INVALID_USERNAME'],
  ['a taken username', { username: 'alice', password: 'a good password' }, 'M_USER_IN_USE'],
  ['a short password', { username: 'new', password: 'short' }, 'M_WEAK_PASSWORD'],
])('%s is refused before the user is asked to authenticate', async (_what, body, errcode) => {
  const { status, json } = await register(body);
  expect([status, json.errcode]).toEqual([400, errcode]);
});

test('a missing password is noticed after authentication', async () => {
  expect((await register({ username: 'new', auth: dummy })).json.errcode).toBe('M_MISSING_PARAM');
});

test('of two who register the same name at once, one gets it', async () => {
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => register({ username: 'race', password: 'a good password', auth: dummy })),
  );
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, 400, 400, 400, 400]);
});

test('guests are not offered', async () => {
  const { status, json } = await register({}, server, '?kind=guest');
  expect([status, json.errcode]).toEqual([403, 'M_FORBIDDEN']);
  expect((await register({}, server, '?kind=other')).status).toBe(400);
});

test('a username can be asked about', async () => {
  const available = (name: string) =>
    server.call('GET', `/_matrix/client/v3/register/available?username=${encodeURIComponent(name)}`);
  expect((await available('free')).json).toEqual({ available: true });
  expect((await available('alice')).json.errcode).toBe('M_USER_IN_USE');
  expect((await available('Alice')).json.errcode).toBe('M_USER_IN_USE');
  expect((await available('not valid')).json.errcode).toBe('M_INVALID_USERNAME');
  expect((await server.call('GET', '/_matrix/client/v3/register/available')).json.errcode).toBe('M_MISSING_PARAM');
});

test('a closed server answers 403 to everything about registration, so that nobody learns who is there', async () => {
  for (const answer of [
    await register({}, closed),
    await closed.call('GET', '/_matrix/client/v3/register/available?username=alice'),
    await closed.call('GET', '/_matrix/client/v3/register/available?username=free'),
    await closed.call('GET', '/_matrix/client/v1/register/m.login.registration_token/validity?token=x'),
  ])
    expect([answer.status, answer.json.errcode]).toEqual([403, 'M_FORBIDDEN']);
});

test('with registration tokens, an account takes one use of a valid token', async () => {
  const { token } = await byToken.registration.tokens.create({ usesAllowed: 2 });
  const expired = 'old';
  await byToken.registration.tokens.create({ token: expired, expiresAt: server.clock.now() });
  const isValid = async (text: string) =>
    (await byToken.call('GET', `/_matrix/client/v1/register/m.login.registration_token/validity?token=${text}`)).json;
  expect(await isValid(token)).toEqual({ valid: true });
  expect(await isValid(expired)).toEqual({ valid: false });
  expect(await isValid('nonsense')).toEqual({ valid: false });

  const signUp = (username: string, auth: object) => register({ username, password: 'a good password', auth }, byToken);
  const stage = { type: 'm.login.registration_token', token };
  expect((await signUp('t0', { ...stage, token: 'nonsense' })).json).toMatchObject({
    errcode: 'M_FORBIDDEN',
    flows: [{ stages: ['m.login.registration_token'] }],
    session: expect.any(String),
  });
  expect((await signUp('t0', dummy)).status).toBe(401);
  const answers = await Promise.all(['t1', 't2', 't3', 't4'].map((name) => signUp(name, stage)));
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(2);
  expect(await isValid(token)).toEqual({ valid: false });
});

test('sign-ups of one address are limited, across processes', async () => {
  const from = (on: typeof server, ip: string, username: string) =>
    on.call('POST', '/_matrix/client/v3/register', {
      body: { username, password: 'a good password', auth: dummy },
      ip,
    });
  expect((await from(oneProcess, '2001:db8::1', 'l1')).status).toBe(200);
  expect((await from(otherProcess, '2001:db8::2', 'l2')).status).toBe(200);
  expect((await from(oneProcess, '2001:db8::3', 'l3')).status).toBe(429);
  expect((await from(otherProcess, '2001:db8:0:0:ffff::4', 'l4')).status).toBe(429);
  expect((await from(oneProcess, '2001:db8:0:1::1', 'l5')).status).toBe(200);
});
