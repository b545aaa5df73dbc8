import { beforeAll, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver();

async function call(method: string, path: string, token: string | undefined, body?: unknown) {
  const response = await fetch(`${server.baseUrl}/_matrix/client/v3${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: what the test looks into
  const json: any = await response.json();
  if (response.status !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
  return json;
}

interface User {
  readonly id: string;
  readonly token: string;
}

async function register(username: string, displayName?: string): Promise<User> {
  const body = { username, password: 'a good password', auth: { type: 'm.login.dummy' } };
  const { user_id: id, access_token: token } = await call('POST', '/register', undefined, body);
  if (displayName !== undefined)
    await call('PUT', `/profile/${encodeURIComponent(id)}/displayname`, token, { displayname: displayName });
  return { id, token };
}

const createRoom = async (user: User, body: object): Promise<string> =>
  (await call('POST', '/createRoom', user.token, body)).room_id;
const search = async (user: User, term: string, limit?: number) =>
  await call('POST', '/user_directory/search', user.token, {
    search_term: term,
    ...(limit === undefined ? {} : { limit }),
  });
const ids = async (user: User, term: string): Promise<string[]> =>
  (await search(user, term)).results.map((found: { user_id: string }) => found.user_id);

let alice: User;
let bob: User;
let carol: User;
let hidden: User;

beforeAll(async () => {
  alice = await register('alice', 'Alice Ärmel');
  bob = await register('bob', 'Robert 100%');
  carol = await register('carol');
  hidden = await register('hidden', 'Robert Hidden');
  const shared = await createRoom(alice, { preset: 'private_chat', invite: [bob.id] });
  await call('POST', `/join/${encodeURIComponent(shared)}`, bob.token, {});
  await createRoom(carol, { preset: 'public_chat' });
  await createRoom(hidden, { preset: 'private_chat' });
});

test('users are found by any part of their name or id, in any case', async () => {
  for (const term of ['robert', 'OBERT', 'bob', '@BOB:', ' bob ', '100%'])
    expect(await ids(alice, term)).toEqual([bob.id]);
  expect(await ids(bob, 'ärmel')).toEqual([alice.id]);
  expect((await search(bob, 'alice')).results).toEqual([{ user_id: alice.id, display_name: 'Alice Ärmel' }]);
});

test('A3.5 only those who share a room with the searcher or are in a public one are found', async () => {
  expect(await ids(alice, 'carol')).toEqual([carol.id]);
  expect(await ids(alice, 'hidden')).toEqual([]);
  expect(await ids(carol, 'bob')).toEqual([]);
  expect(await ids(hidden, 'hidden')).toEqual([]);
});

test('who leaves is not found any more, and a room that is closed to the public hides its members', async () => {
  const dave = await register('dave');
  const room = await createRoom(dave, { preset: 'public_chat' });
  expect(await ids(alice, 'dave')).toEqual([dave.id]);
  const path = `/rooms/${encodeURIComponent(room)}`;
  await call('PUT', `${path}/state/m.room.join_rules/`, dave.token, {
    join_rule: 'invite',
    also: { join_rule: 'public' },
  });
  expect(await ids(alice, 'dave')).toEqual([]);
  await call('PUT', `${path}/state/m.room.history_visibility/`, dave.token, { history_visibility: 'world_readable' });
  expect(await ids(alice, 'dave')).toEqual([dave.id]);
  await call('POST', `${path}/leave`, dave.token, {});
  expect(await ids(alice, 'dave')).toEqual([]);
});

test('a room whose join rules hold an escaped NUL breaks no search', async () => {
  const erin = await register('erin');
  const room = await createRoom(erin, { preset: 'public_chat' });
  const path = `/rooms/${encodeURIComponent(room)}/state/m.room.join_rules/`;
  await call('PUT', path, erin.token, { join_rule: 'public', note: 'a\0b' });
  expect(await ids(alice, 'erin')).toEqual([]);
  expect(await ids(alice, 'robert')).toEqual([bob.id]);
});

test('the best matches come first, and the answer says when there are more', async () => {
  const users = [await register('zed'), await register('zedd'), await register('azed')];
  for (const user of users) await createRoom(user, { preset: 'public_chat' });
  expect(await ids(alice, 'zed')).toEqual(users.map((user) => user.id));
  const { results, limited } = await search(alice, 'zed', 2);
  expect([results.length, limited]).toEqual([2, true]);
  expect((await search(alice, 'zed', 3)).limited).toBe(false);
  expect(await search(alice, ' ')).toEqual({ limited: false, results: [] });
  expect(await ids(alice, 'z_d')).toEqual([]);
});
