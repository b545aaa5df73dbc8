import { beforeAll, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';

const one = await startHomeserver();
/** Another process of the same homeserver. */
const other = await startHomeserver({
  databaseUrl: one.databaseUrl,
  settings: { server_name: one.serverName, federation_port: '0' },
});

interface User {
  readonly id: string;
  readonly token: string;
}

async function call(user: User | undefined, method: string, path: string, body?: unknown, server = one) {
  const response = await fetch(`${server.baseUrl}/_matrix/client/v3${path}`, {
    method,
    headers: user === undefined ? {} : { authorization: `Bearer ${user.token}` },
    ...(body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: what the test looks into
  const json: any = await response.json();
  return { status: response.status, json };
}

async function register(username: string): Promise<User> {
  const body = { username, password: 'a good password', auth: { type: 'm.login.dummy' } };
  const { json } = await call(undefined, 'POST', '/register', body);
  return { id: json.user_id, token: json.access_token };
}

const statusOf = (viewer: User, user: User, server = one) =>
  call(viewer, 'GET', `/presence/${encodeURIComponent(user.id)}/status`, undefined, server);
const setStatus = (user: User, body: object, of = user) =>
  call(user, 'PUT', `/presence/${encodeURIComponent(of.id)}/status`, body);
const sync = async (user: User, query: string, server = one) =>
  (await call(user, 'GET', `/sync?${query}`, undefined, server)).json;

let alice: User;
let bob: User;
let stranger: User;
beforeAll(async () => {
  [alice, bob, stranger] = [await register('alice'), await register('bob'), await register('stranger')];
  const { json } = await call(alice, 'POST', '/createRoom', { preset: 'private_chat', invite: [bob.id] });
  await call(bob, 'POST', `/join/${encodeURIComponent(json.room_id)}`, {});
});

test('a user who has not been seen is offline', async () => {
  expect(await statusOf(alice, bob)).toEqual({ status: 200, json: { presence: 'offline' } });
});

test('presence is set by its owner and seen by those who share a room, in every process', async () => {
  expect((await setStatus(bob, { presence: 'unavailable', status_msg: 'at lunch' })).json).toEqual({});
  const shown = { presence: 'unavailable', status_msg: 'at lunch', last_active_ago: expect.any(Number) };
  expect((await statusOf(alice, bob)).json).toEqual(shown);
  await expect.poll(async () => (await statusOf(alice, bob, other)).json).toEqual(shown);
  expect((await statusOf(bob, bob)).json).toEqual(shown);
});

test('A3.5 nobody else sees it, nor whether there is such a user', async () => {
  const nobody = { id: bob.id.replace('bob', 'nobody'), token: '' };
  for (const user of [bob, nobody]) {
    const { status, json } = await statusOf(stranger, user);
    expect([status, json.errcode]).toEqual([403, 'M_FORBIDDEN']);
  }
  expect((await setStatus(alice, { presence: 'online' }, bob)).status).toBe(403);
  expect((await setStatus(alice, { presence: 'busy' })).json.errcode).toBe('M_BAD_JSON');
  expect((await setStatus(alice, {})).json.errcode).toBe('M_MISSING_PARAM');
});

test('/sync makes its user online and tells what changed, once', async () => {
  const first = await sync(alice, 'timeout=0');
  const of = (answer: { presence?: { events: { sender: string; type: string; content: { presence: string } }[] } }) =>
    Object.fromEntries((answer.presence?.events ?? []).map((event) => [event.sender, event.content.presence]));
  expect(of(first)).toEqual({ [alice.id]: 'online', [bob.id]: 'unavailable' });
  const second = await sync(alice, `timeout=0&since=${first.next_batch}`);
  expect(second.presence).toBeUndefined();
  await setStatus(bob, { presence: 'offline' });
  const third = await sync(alice, `timeout=0&since=${second.next_batch}&set_presence=offline`);
  expect(of(third)).toEqual({ [bob.id]: 'offline' });
  expect(of(await sync(stranger, 'timeout=0'))).toEqual({});
});

test('presence alone ends no poll, also not when the poll moves to another process', async () => {
  let { next_batch: since } = await sync(bob, 'timeout=0');
  for (const server of [other, one, other]) {
    const start = performance.now();
    ({ next_batch: since } = await sync(bob, `timeout=300&since=${since}`, server));
    expect(performance.now() - start).toBeGreaterThan(280);
  }
});
