import { expect, test } from 'vitest';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
await server.register('alice');

const HOUR_MS = 3_600_000;
const whoami = (token: string) => server.call('GET', '/_matrix/client/v3/account/whoami', { token });
const refresh = (token: string) =>
  server.call('POST', '/_matrix/client/v3/refresh', { body: { refresh_token: token } });
const signIn = async (deviceId: string) =>
  (
    await server.call('POST', '/_matrix/client/v3/login', {
      body: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'alice' },
        password: 'password-alice',
        device_id: deviceId,
        refresh_token: true,
      },
    })
  ).json as { access_token: string; refresh_token: string; expires_in_ms: number };

test('an access token that can be refreshed lasts an hour, then the client is softly logged out', async () => {
  const first = await signIn('D1');
  expect(first.expires_in_ms).toBe(HOUR_MS);
  server.clock.advance(HOUR_MS - 1);
  expect((await whoami(first.access_token)).status).toBe(200);
  server.clock.advance(1);
  const { status, json } = await whoami(first.access_token);
  expect([status, json.errcode, json.soft_logout]).toEqual([401, 'M_UNKNOWN_TOKEN', true]);
});

test('a refresh gives a new pair for the same device', async () => {
  const first = await signIn('D2');
  const { status, json } = await refresh(first.refresh_token);
  expect([status, json]).toEqual([
    200,
    { access_token: expect.any(String), refresh_token: expect.any(String), expires_in_ms: HOUR_MS },
  ]);
  expect(json.access_token).not.toBe(first.access_token);
  expect((await whoami(json.access_token)).json.device_id).toBe('D2');
});

test('a refresh token stays good until what it led to is used: an answer that got lost can be asked for again', async () => {
  const first = await signIn('D3');
  await refresh(first.refresh_token);
  server.clock.advance(HOUR_MS);
  const second = await refresh(first.refresh_token);
  expect(second.status).toBe(200);
  expect((await whoami(second.json.access_token)).status).toBe(200);
});

test('two refreshes at once both get tokens that work', async () => {
  const first = await signIn('D4');
  const pairs = await Promise.all([refresh(first.refresh_token), refresh(first.refresh_token)]);
  for (const { status, json } of pairs) {
    expect(status).toBe(200);
    expect((await whoami(json.access_token)).status).toBe(200);
  }
});

test('using a retired refresh token again ends all sessions of the device', async () => {
  const first = await signIn('D5');
  const { json: second } = await refresh(first.refresh_token);
  expect((await whoami(second.access_token)).status).toBe(200);
  server.clock.advance(31_000);
  const reused = await refresh(first.refresh_token);
  expect([reused.status, reused.json]).toMatchObject([401, { errcode: 'M_UNKNOWN_TOKEN', soft_logout: false }]);
  expect((await whoami(second.access_token)).status).toBe(401);
  expect((await refresh(second.refresh_token)).status).toBe(401);
});

test('the use of the next refresh token retires the one before, too', async () => {
  const first = await signIn('D6');
  const { json: second } = await refresh(first.refresh_token);
  const { json: third } = await refresh(second.refresh_token);
  server.clock.advance(31_000);
  expect((await refresh(first.refresh_token)).status).toBe(401);
  expect((await whoami(third.access_token)).status).toBe(401);
});

test('a refresh token is no access token and the other way round, and nonsense is neither', async () => {
  const first = await signIn('D7');
  expect((await whoami(first.refresh_token)).json.errcode).toBe('M_UNKNOWN_TOKEN');
  expect((await refresh(first.access_token)).json.errcode).toBe('M_UNKNOWN_TOKEN');
  expect((await refresh('nonsense')).json.errcode).toBe('M_UNKNOWN_TOKEN');
  expect((await server.call('POST', '/_matrix/client/v3/refresh', { body: {} })).json.errcode).toBe('M_MISSING_PARAM');
});

test('a logout ends the refresh token as well', async () => {
  const first = await signIn('D8');
  await server.call('POST', '/_matrix/client/v3/logout', { token: first.access_token });
  expect((await refresh(first.refresh_token)).status).toBe(401);
});
