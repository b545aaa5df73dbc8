import { expect, test } from 'vitest';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const otherProcess = await accountServer(db.url);
const alice = await server.register('alice');

const signIn = async () =>
  (
    await server.call('POST', '/_matrix/client/v3/login', {
      body: { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' }, password: 'password-alice' },
    })
  ).json as { access_token: string; device_id: string };

test('a logout holds in every process at once, and takes the device away', async () => {
  for (let i = 0; i < 20; i++) {
    const { access_token: token, device_id: deviceId } = await signIn();
    expect((await otherProcess.call('GET', '/_matrix/client/v3/account/whoami', { token })).status).toBe(200);
    const logout = await server.call('POST', '/_matrix/client/v3/logout', { token });
    expect([logout.status, logout.json]).toEqual([200, {}]);
    const { status, json } = await otherProcess.call('GET', '/_matrix/client/v3/account/whoami', { token });
    expect([status, json]).toMatchObject([401, { errcode: 'M_UNKNOWN_TOKEN', soft_logout: false }]);
    const device = await server.call('GET', `/_matrix/client/v3/devices/${deviceId}`, { token: alice.access_token });
    expect(device.status).toBe(404);
  }
});

test('logout/all ends every session of the user and of nobody else', async () => {
  const bob = await server.register('bob');
  const tokens = [alice.access_token, (await signIn()).access_token, (await signIn()).access_token];
  expect(
    (await server.call('POST', '/_matrix/client/v3/logout/all', { token: tokens[1] as string, body: {} })).status,
  ).toBe(200);
  for (const token of tokens)
    expect((await otherProcess.call('GET', '/_matrix/client/v3/account/whoami', { token })).status).toBe(401);
  expect(
    (await server.call('GET', '/_matrix/client/v3/devices', { token: bob.access_token })).json.devices,
  ).toHaveLength(1);
});

test('a logout without a token is refused', async () => {
  expect((await server.call('POST', '/_matrix/client/v3/logout')).json.errcode).toBe('M_MISSING_TOKEN');
});
