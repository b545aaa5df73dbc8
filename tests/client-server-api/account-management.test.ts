import { expect, test } from 'vitest';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);

const login = (username: string, password: string) =>
  server.call('POST', '/_matrix/client/v3/login', {
    body: { type: 'm.login.password', identifier: { type: 'm.id.user', user: username }, password },
  });
const whoami = (token: string) => server.call('GET', '/_matrix/client/v3/account/whoami', { token });
const password = (username: string, text = `password-${username}`) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user: username },
  password: text,
});
const change = (token: string | undefined, body: Record<string, unknown>) =>
  server.call('POST', '/_matrix/client/v3/account/password', { ...(token === undefined ? {} : { token }), body });

test('a changed password counts from then on, and other devices are signed out', async () => {
  const { access_token: token } = await server.register('alice');
  const other = (await login('alice', 'password-alice')).json.access_token;
  const asked = await change(token, { new_password: 'another good one' });
  expect(asked.status).toBe(401);
  const { session } = asked.json;
  const done = await change(token, { new_password: 'another good one', auth: { ...password('alice'), session } });
  expect([done.status, done.json]).toEqual([200, {}]);
  expect((await whoami(token)).status).toBe(200);
  expect((await whoami(other)).status).toBe(401);
  expect((await login('alice', 'password-alice')).status).toBe(403);
  expect((await login('alice', 'another good one')).status).toBe(200);
});

test('logout_devices: false leaves the other devices alone', async () => {
  const { access_token: token } = await server.register('bob');
  const other = (await login('bob', 'password-bob')).json.access_token;
  await change(token, { new_password: 'another good one', logout_devices: false, auth: password('bob') });
  expect((await whoami(other)).status).toBe(200);
});

test('without an access token the old password is proof enough, and all devices are signed out', async () => {
  const { access_token: token } = await server.register('carol');
  expect((await change(undefined, { new_password: 'another good one', auth: password('carol') })).status).toBe(200);
  expect((await whoami(token)).status).toBe(401);
  expect((await change('wrong', { new_password: 'another good one' })).json.errcode).toBe('M_UNKNOWN_TOKEN');
});

test("A7.5 a sensitive change takes the requester's own password, for exactly this request, within five minutes", async () => {
  const { access_token: token } = await server.register('dave');
  await server.register('eve');
  const body = { new_password: 'another good one' };
  const { session } = (await change(token, body)).json;
  expect((await change(token, { ...body, auth: { ...password('eve'), session } })).json.errcode).toBe('M_FORBIDDEN');
  expect((await change(token, { ...body, auth: { session } })).status).toBe(401);
  expect((await change(token, { ...body, auth: { type: 'm.login.dummy', session } })).status).toBe(401);

  const weak = await change(token, { new_password: 'weak', auth: { ...password('dave'), session } });
  expect([weak.status, weak.json.errcode]).toEqual([400, 'M_WEAK_PASSWORD']);
  const swapped = await change(token, { new_password: 'not what was asked', auth: { session } });
  expect(swapped.status).toBe(401);
  expect((await login('dave', 'password-dave')).status).toBe(200);
});

test('A7.3 what is stored of a dialogue holds neither the passwords nor the session id', async () => {
  const { access_token: token } = await server.register('frank');
  const body = { new_password: 'my very next secret' };
  const { session } = (await change(token, body)).json;
  await change(token, { ...body, auth: { ...password('frank', 'a wrong password'), session } });
  const rows = await db.query<{ text: string }>('SELECT t::text AS text FROM uia_sessions t');
  expect(rows.length).toBeGreaterThan(0);
  for (const { text } of rows) expect(text).not.toMatch(/secret|wrong|password-/);
  expect(JSON.stringify(rows)).not.toContain(session);
});

test('a closed account is gone for good: sessions, profile, stored data; its name stays taken', async () => {
  const { access_token: token, user_id: userId } = await server.register('grace');
  await server.call('PUT', `/_matrix/client/v3/profile/${userId}/displayname`, {
    token,
    body: { displayname: 'Grace' },
  });
  const deactivate = (auth?: object) =>
    server.call('POST', '/_matrix/client/v3/account/deactivate', { token, body: { erase: true, auth } });
  const { session } = (await deactivate()).json;
  const done = await deactivate({ ...password('grace'), session });
  expect([done.status, done.json]).toEqual([200, { id_server_unbind_result: 'success' }]);
  expect(server.deactivated).toEqual([userId]);
  expect((await whoami(token)).status).toBe(401);
  expect((await login('grace', 'password-grace')).status).toBe(403);
  expect((await server.call('GET', `/_matrix/client/v3/profile/${userId}`)).status).toBe(404);
  const available = await server.call('GET', '/_matrix/client/v3/register/available?username=grace');
  expect(available.json.errcode).toBe('M_USER_IN_USE');
});

test('there is no contact information, and capabilities say that none can be added', async () => {
  const { access_token: token } = await server.register('heidi');
  expect((await server.call('GET', '/_matrix/client/v3/account/3pid', { token })).json).toEqual({ threepids: [] });
  const { json } = await server.call('GET', '/_matrix/client/v3/capabilities', { token });
  expect(json.capabilities).toMatchObject({
    'm.change_password': { enabled: true },
    'm.3pid_changes': { enabled: false },
    'm.room_versions': { default: '12', available: { 12: 'stable' } },
  });
});
