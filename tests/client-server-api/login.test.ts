import { expect, test } from 'vitest';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const limited = await accountServer(db.url, { rateLimits: { login: { burst: 3, perSecond: 0.003 } } });
await server.register('alice');

const login = (body: Record<string, unknown>, ip?: string) =>
  server.call('POST', '/_matrix/client/v3/login', {
    body: { type: 'm.login.password', ...body },
    ...(ip === undefined ? {} : { ip }),
  });
const asAlice = { identifier: { type: 'm.id.user', user: 'alice' }, password: 'password-alice' };
const whoami = (token: string) => server.call('GET', '/_matrix/client/v3/account/whoami', { token });

test('the flow on offer is the password', async () => {
  const { status, json } = await server.call('GET', '/_matrix/client/v3/login');
  expect([status, json]).toEqual([200, { flows: [{ type: 'm.login.password' }] }]);
});

test.each([
  [{ type: 'm.id.user', user: 'alice' }],
  [{ type: 'm.id.user', user: '@alice:parley.test' }],
  [{ type: 'm.id.user', user: 'Alice' }],
])('a user signs in as %j', async (identifier) => {
  const { status, json } = await login({ identifier, password: 'password-alice' });
  expect(status).toBe(200);
  expect(json).toEqual({
    user_id: '@alice:parley.test',
    device_id: expect.stringMatching(/^[A-Z]{10}$/),
    access_token: expect.any(String),
    well_known: { 'm.homeserver': { base_url: 'https://client.parley.test' } },
  });
  expect((await whoami(json.access_token)).json).toEqual({
    user_id: '@alice:parley.test',
    device_id: json.device_id,
    is_guest: false,
  });
});

test('the deprecated key `user` still works', async () => {
  expect((await login({ user: 'alice', password: 'password-alice' })).status).toBe(200);
});

test('A3.5 a wrong password, an unknown user, a foreign user and a third-party id are told apart by nothing', async () => {
  const answers = await Promise.all([
    login({ ...asAlice, password: 'password-bob' }),
    login({ identifier: { type: 'm.id.user', user: 'nobody' }, password: 'password-alice' }),
    login({ identifier: { type: 'm.id.user', user: '@alice:elsewhere.test' }, password: 'password-alice' }),
    login({
      identifier: { type: 'm.id.thirdparty', medium: 'email', address: 'a@b.test' },
      password: 'password-alice',
    }),
  ]);
  for (const { status, json } of answers)
    expect([status, json]).toEqual([403, { errcode: 'M_FORBIDDEN', error: 'The username or the password is wrong.' }]);
});

test('what is missing or not on offer is a 400', async () => {
  expect((await login({ identifier: asAlice.identifier })).json.errcode).toBe('M_MISSING_PARAM');
  expect((await login({ password: 'x' })).json.errcode).toBe('M_MISSING_PARAM');
  const unknown = await login({ type: 'm.login.token', token: 'x' });
  expect([unknown.status, unknown.json.errcode]).toEqual([400, 'M_UNKNOWN']);
  expect((await login({ ...asAlice, device_id: '' })).json.errcode).toBe('M_INVALID_PARAM');
  expect((await login({ ...asAlice, device_id: 5 })).json.errcode).toBe('M_BAD_JSON');
});

test('signing in on a known device ends the sessions it had and keeps its name', async () => {
  const first = await login({ ...asAlice, device_id: 'PHONE', initial_device_display_name: 'Phone' });
  const second = await login({ ...asAlice, device_id: 'PHONE', initial_device_display_name: 'Other' });
  expect((await whoami(first.json.access_token)).json).toMatchObject({
    errcode: 'M_UNKNOWN_TOKEN',
    soft_logout: false,
  });
  const device = await server.call('GET', '/_matrix/client/v3/devices/PHONE', { token: second.json.access_token });
  expect(device.json).toMatchObject({ device_id: 'PHONE', display_name: 'Phone' });
});

test('A7.4 a closed account cannot sign in, a locked one is told so', async () => {
  await server.register('mallory');
  await server.register('locked');
  const asLocked = { identifier: { type: 'm.id.user', user: 'locked' }, password: 'password-locked' };
  const { json: before } = await login(asLocked);
  await db.query(`UPDATE accounts SET is_deactivated = true WHERE user_id = '@mallory:parley.test'`);
  await db.query(`UPDATE accounts SET is_locked = true WHERE user_id = '@locked:parley.test'`);

  const closed = await login({ identifier: { type: 'm.id.user', user: 'mallory' }, password: 'password-mallory' });
  expect([closed.status, closed.json.errcode]).toEqual([403, 'M_FORBIDDEN']);
  const locked = await login(asLocked);
  expect([locked.status, locked.json]).toEqual([
    401,
    { errcode: 'M_USER_LOCKED', error: expect.any(String), soft_logout: true },
  ]);
  expect((await whoami(before.access_token)).json.errcode).toBe('M_USER_LOCKED');
  expect((await server.call('POST', '/_matrix/client/v3/logout', { token: before.access_token })).status).toBe(200);
});

test('A7.2 no token and no password can be found in the database', async () => {
  const { json } = await login({ ...asAlice, refresh_token: true });
  const tables = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  expect(tables.length).toBeGreaterThan(10);
  for (const { name } of tables) {
    const rows = await db.query<{ text: string }>(`SELECT t::text AS text FROM "${name}" t`);
    for (const { text } of rows) {
      expect(text).not.toContain(json.access_token);
      expect(text).not.toContain(json.refresh_token);
      expect(text).not.toContain('password-alice');
    }
  }
});

test('too many wrong passwords from one address are refused, also with the right one, but not from elsewhere', async () => {
  const attempt = (password: string, ip: string) =>
    limited.call('POST', '/_matrix/client/v3/login', {
      body: { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' }, password },
      ip,
    });
  for (let i = 0; i < 5; i++) expect((await attempt('password-alice', '192.0.2.1')).status).toBe(200);
  for (let i = 0; i < 3; i++) expect((await attempt('wrong-password', '192.0.2.1')).status).toBe(403);
  const refused = await attempt('password-alice', '192.0.2.1');
  expect([refused.status, refused.json.errcode]).toEqual([429, 'M_LIMIT_EXCEEDED']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(300);
  expect((await attempt('password-alice', '192.0.2.2')).status).toBe(200);
});

test('A8.6 a user has at most 500 devices: a new one ends the session that was used least lately', async () => {
  const dora = await server.register('dora');
  await db.query(
    `INSERT INTO devices (user_id, device_id, created_at) SELECT $1, 'D' || n, n FROM generate_series(1, 499) AS n`,
    [dora.user_id],
  );
  const devices = async () =>
    (await db.query<{ device_id: string }>('SELECT device_id FROM devices WHERE user_id = $1', [dora.user_id])).map(
      (row) => row.device_id,
    );
  expect(await devices()).toHaveLength(500);
  const as = { identifier: { type: 'm.id.user', user: 'dora' }, password: 'password-dora' };
  const { json } = await login(as);
  expect(await devices()).toHaveLength(500);
  expect(await devices()).toEqual(expect.arrayContaining([json.device_id, dora.device_id, 'D2']));
  expect(await devices()).not.toContain('D1');
  expect((await whoami(dora.access_token)).status).toBe(200);
  // One that is known already takes nobody's place.
  await login({ ...as, device_id: 'D2' });
  expect(await devices()).toContain('D3');
});
