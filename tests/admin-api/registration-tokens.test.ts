import { expect, test } from 'vitest';
import { createSetupToken } from '../../server/src/users/setup.ts';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url, { policy: 'token' });
const PATH = '/_synapse/admin/v1/registration_tokens';

const setup = { token: await createSetupToken(db, server.clock), username: 'admin', password: 'a good password' };
const { access_token: admin } = (await server.call('POST', '/_parley/setup', { body: setup })).json;
const call = (method: string, path = '', body?: unknown) => server.call(method, PATH + path, { token: admin, body });
const register = (username: string, token: string) =>
  server.call('POST', '/_matrix/client/v3/register', {
    body: { username, password: 'a good password', auth: { type: 'm.login.registration_token', token } },
  });

test('an administrator makes a token, and who has it makes an account', async () => {
  const { json } = await call('POST', '/new', { token: 'welcome', uses_allowed: 1 });
  expect(json).toEqual({ token: 'welcome', uses_allowed: 1, pending: 0, completed: 0, expiry_time: null });
  expect((await register('alice', 'welcome')).status).toBe(200);
  expect((await register('bob', 'welcome')).status).toBe(401);
  expect((await call('GET', '/welcome')).json).toMatchObject({ uses_allowed: 1, completed: 1 });
  expect((await call('PUT', '/welcome', { uses_allowed: null })).json).toMatchObject({
    uses_allowed: null,
    completed: 1,
  });
  expect((await register('bob', 'welcome')).status).toBe(200);
});

test('a token that is not chosen is random; limits are changed and tokens deleted', async () => {
  const { token } = (await call('POST', '/new')).json;
  expect(token).toMatch(/^[A-Za-z2-9]{16}$/);
  await call('PUT', `/${token}`, { expiry_time: server.clock.now() });
  expect((await register('late', token)).status).toBe(401);
  expect((await call('GET')).json.registration_tokens.map((each: { token: string }) => each.token)).toEqual([
    'welcome',
    token,
  ]);
  expect((await call('DELETE', `/${token}`)).json).toEqual({});
  for (const method of ['GET', 'DELETE']) expect((await call(method, `/${token}`)).json.errcode).toBe('M_NOT_FOUND');
});

test.each([
  [{ token: 'welcome' }],
  [{ token: 'no spaces' }],
  [{ token: '' }],
  [{ token: 'x'.repeat(65) }],
  [{ uses_allowed: -1 }],
])('a token is not made of %j', async (body) => {
  expect((await call('POST', '/new', body)).status).toBe(400);
});

test('A2.4 nobody but an administrator sees or makes tokens', async () => {
  const login = await server.call('POST', '/_matrix/client/v3/login', {
    body: { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' }, password: 'a good password' },
  });
  const requests = [
    ['GET', ''],
    ['POST', '/new'],
    ['GET', '/welcome'],
    ['PUT', '/welcome'],
    ['DELETE', '/welcome'],
  ] as const;
  for (const [method, path] of requests) {
    const body = method === 'GET' || method === 'DELETE' ? undefined : {};
    const { status, json } = await server.call(method, PATH + path, { token: login.json.access_token, body });
    expect([status, json.errcode]).toEqual([403, 'M_FORBIDDEN']);
    expect((await server.call(method, PATH + path, { body })).status).toBe(401);
  }
});
