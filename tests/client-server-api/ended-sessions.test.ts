import { afterAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { clientOf, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const PASSWORD = 'a good one';
/** Longer than a test may take: a poll that ends in time was ended. */
const POLL_MS = 90_000;

const one = await startHomeserver();
const two = await startHomeserver({
  databaseUrl: one.databaseUrl,
  federationPort: 0,
  settings: { server_name: one.serverName },
});

const database = openDatabase({ connection: one.databaseUrl, poolSize: 1 });
afterAll(() => database.close());

let users = 0;
let first: TestClient;
/** Another device of the same user, on the other process. */
let second: TestClient;

async function signIn(more: object = {}) {
  const user = { type: 'm.id.user', user: first.userId };
  const request = { type: 'm.login.password', identifier: user, password: PASSWORD, ...more };
  return await clientOf(two.baseUrl, first).ok('POST', 'v3/login', request);
}

async function twoDevices(): Promise<void> {
  first = await registerClient(one.baseUrl, `user${++users}`);
  const session = await signIn();
  second = clientOf(two.baseUrl, { ...first, deviceId: session.device_id, accessToken: session.access_token });
}

async function withPassword(client: TestClient, path: string, body: object): Promise<void> {
  const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: first.userId }, password: PASSWORD };
  await client.ok('POST', path, { ...body, auth });
}

/** Starts a long poll that has been waiting for a moment once this answers. */
async function poll(client: TestClient): Promise<{ answer: ReturnType<TestClient['request']> }> {
  const { next_batch: since } = await client.ok('GET', 'v3/sync');
  const answer = client.request('GET', `v3/sync?since=${since}&timeout=${POLL_MS}`);
  await client.ok('GET', 'v3/account/whoami');
  return { answer };
}

describe('the long polls of a session end at once, with 401,', () => {
  const ways: Record<string, () => Promise<unknown>> = {
    'when it logs out': () => first.ok('POST', 'v3/logout'),
    'when another device logs all out': () => second.ok('POST', 'v3/logout/all'),
    'when another device deletes its device': () =>
      withPassword(second, 'v3/delete_devices', { devices: [first.deviceId] }),
    'when another device changes the password': () =>
      withPassword(second, 'v3/account/password', { new_password: 'another good one' }),
    'when another device closes the account': () => withPassword(second, 'v3/account/deactivate', {}),
    'when somebody signs in on its device': () => signIn({ device_id: first.deviceId }),
    'when its token goes, whatever took it away': () =>
      database.query('DELETE FROM access_tokens WHERE user_id = $1 AND device_id = $2', [first.userId, first.deviceId]),
  };
  test.each(Object.entries(ways))('%s', async (_, end) => {
    await twoDevices();
    const waiting = await poll(first);
    await end();
    const { status, body } = await waiting.answer;
    expect([status, body]).toMatchObject([401, { errcode: 'M_UNKNOWN_TOKEN' }]);
  });
});

test('the long poll of another device goes on, and is told of what comes', async () => {
  await twoDevices();
  const roomId = await second.createRoom();
  const third = await signIn();
  const waiting = await poll(first);
  await database.query('DELETE FROM access_tokens WHERE device_id = $1', [third.device_id]);
  const eventId = await second.say(roomId, 'hello');
  const { status, body } = await waiting.answer;
  expect(status).toBe(200);
  expect(body.rooms.join[roomId].timeline.events).toMatchObject([{ event_id: eventId }]);
});
