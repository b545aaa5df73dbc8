import { expect, test } from 'vitest';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const otherProcess = await accountServer(db.url);
const alice = await server.register('alice');
const bob = await server.register('bob');
const token = alice.access_token;

const signIn = async (deviceId: string) =>
  (
    await server.call('POST', '/_matrix/client/v3/login', {
      body: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'alice' },
        password: 'password-alice',
        device_id: deviceId,
      },
    })
  ).json.access_token as string;
const path = (deviceId: string) => `/_matrix/client/v3/devices/${encodeURIComponent(deviceId)}`;
const asAlice = {
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user: '@alice:parley.test' },
  password: 'password-alice',
};
const deviceIds = async () =>
  (await server.call('GET', '/_matrix/client/v3/devices', { token })).json.devices.map(
    (device: { device_id: string }) => device.device_id,
  );

test('devices are listed with when and from where they were last seen', async () => {
  await server.call('GET', '/_matrix/client/v3/account/whoami', { token, ip: '198.51.100.7' });
  await server.lastSeen.flush();
  const { json } = await server.call('GET', '/_matrix/client/v3/devices', { token });
  expect(json.devices).toEqual([
    { device_id: alice.device_id, last_seen_ip: '198.51.100.7', last_seen_ts: server.clock.now() },
  ]);
});

test('a device that has only just been made has been seen when and where it was', async () => {
  const made = await server.call('POST', '/_matrix/client/v3/login', {
    body: { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'bob' }, password: 'password-bob' },
    ip: '203.0.113.9',
  });
  const { device_id: deviceId, access_token: bobsToken } = made.json;
  const { json } = await server.call('GET', path(deviceId), { token: bobsToken });
  expect(json).toEqual({ device_id: deviceId, last_seen_ip: '203.0.113.9', last_seen_ts: server.clock.now() });
  await server.call('POST', '/_matrix/client/v3/logout', { token: bobsToken, body: {} });
});

test('a device is shown and renamed by its owner only, and the change is in the log', async () => {
  const [before] = await db.query<{ position: number }>('SELECT position FROM log_head');
  await server.call('PUT', path(alice.device_id), { token, body: { display_name: 'Desk' } });
  expect((await server.call('GET', path(alice.device_id), { token })).json.display_name).toBe('Desk');
  await server.call('PUT', path(alice.device_id), { token, body: {} });
  expect((await server.call('GET', path(alice.device_id), { token })).json.display_name).toBe('Desk');
  const rows = await db.query('SELECT kind, user_id FROM log WHERE position > $1', [before?.position]);
  expect(rows).toEqual([{ kind: 'device_list', user_id: '@alice:parley.test' }]);

  for (const method of ['GET', 'PUT']) {
    const { status, json } = await server.call(method, path(alice.device_id), {
      token: bob.access_token,
      ...(method === 'PUT' ? { body: { display_name: 'mine' } } : {}),
    });
    expect([status, json.errcode]).toEqual([404, 'M_NOT_FOUND']);
  }
});

test('a device is deleted, with its sessions, only with the password of its owner', async () => {
  const phone = await signIn('PHONE');
  const asked = await server.call('DELETE', path('PHONE'), { token });
  expect([asked.status, asked.json]).toEqual([
    401,
    { flows: [{ stages: ['m.login.password'] }], params: {}, session: expect.any(String) },
  ]);
  const { session } = asked.json;

  const wrong = await server.call('DELETE', path('PHONE'), {
    token,
    body: { auth: { ...asAlice, password: 'nope-nope', session } },
  });
  expect([wrong.status, wrong.json]).toMatchObject([401, { errcode: 'M_FORBIDDEN', session }]);
  const bobs = { ...asAlice, identifier: { type: 'm.id.user', user: 'bob' }, password: 'password-bob', session };
  expect((await server.call('DELETE', path('PHONE'), { token, body: { auth: bobs } })).status).toBe(401);
  expect(await deviceIds()).toContain('PHONE');

  const done = await server.call('DELETE', path('PHONE'), { token, body: { auth: { ...asAlice, session } } });
  expect([done.status, done.json]).toEqual([200, {}]);
  expect(await deviceIds()).not.toContain('PHONE');
  expect((await server.call('GET', '/_matrix/client/v3/account/whoami', { token: phone })).status).toBe(401);
});

test('A7.5 a proof for one device deletes no other', async () => {
  await signIn('ONE');
  await signIn('TWO');
  const { session } = (await server.call('DELETE', path('ONE'), { token })).json;
  const misused = await server.call('DELETE', path('TWO'), { token, body: { auth: { session } } });
  expect(misused.status).toBe(401);
  expect(misused.json.session).not.toBe(session);
  expect(await deviceIds()).toEqual(expect.arrayContaining(['ONE', 'TWO']));
});

test('a dialogue that one process began is ended by another', async () => {
  await signIn('ELSEWHERE');
  const { session } = (await server.call('DELETE', path('ELSEWHERE'), { token })).json;
  const done = await otherProcess.call('DELETE', path('ELSEWHERE'), { token, body: { auth: { ...asAlice, session } } });
  expect(done.status).toBe(200);
  expect(await deviceIds()).not.toContain('ELSEWHERE');
});

test('several devices are deleted at once; unknown ones do not matter', async () => {
  await signIn('A');
  await signIn('B');
  const devices = ['A', 'B', 'UNKNOWN', bob.device_id];
  const remove = (auth?: object) =>
    server.call('POST', '/_matrix/client/v3/delete_devices', { token, body: { devices, auth } });
  const { session } = (await remove()).json;
  expect((await remove({ ...asAlice, session })).json).toEqual({});
  expect(await deviceIds()).not.toEqual(expect.arrayContaining(['A']));
  expect((await server.call('GET', '/_matrix/client/v3/account/whoami', { token: bob.access_token })).status).toBe(200);
  expect((await server.call('POST', '/_matrix/client/v3/delete_devices', { token, body: {} })).json.errcode).toBe(
    'M_MISSING_PARAM',
  );
});
