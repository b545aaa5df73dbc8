import { describe, expect, test } from 'vitest';
import { clientOf, enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const one = await startHomeserver();
/** Another process of the same homeserver. */
const other = await startHomeserver({
  databaseUrl: one.databaseUrl,
  settings: { server_name: one.serverName, federation_port: '0' },
});
let names = 0;

const register = (name: string) => registerClient(one.baseUrl, `${name}${names++}`);
const people = async (...wanted: string[]) => await Promise.all(wanted.map(register));
const ENCRYPTION = { algorithm: 'm.megolm.v1.aes-sha2' };
const encrypted = { initial_state: [{ type: 'm.room.encryption', state_key: '', content: ENCRYPTION }] };

async function room(host: TestClient, guests: readonly TestClient[], options: object = {}): Promise<string> {
  const roomId = await host.createRoom({ preset: 'public_chat', ...options });
  for (const guest of guests) await guest.join(roomId);
  return roomId;
}

const leave = (client: TestClient, roomId: string) => client.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
const now = async (client: TestClient): Promise<string> => (await client.ok('GET', 'v3/sync')).next_batch;

/** `device_lists` of the sync from a token on, sorted. */
async function changes(client: TestClient, since: string): Promise<{ changed: string[]; left: string[] }> {
  const { device_lists: lists } = await client.ok('GET', `v3/sync?since=${enc(since)}`);
  return { changed: (lists?.changed ?? []).toSorted(), left: (lists?.left ?? []).toSorted() };
}

const signIn = (client: TestClient) => {
  const identifier = { type: 'm.id.user', user: client.userId };
  return client.ok('POST', 'v3/login', { type: 'm.login.password', identifier, password: 'a good one' });
};
const rename = (client: TestClient) =>
  client.ok('PUT', `v3/devices/${client.deviceId}`, { display_name: `renamed ${names++}` });

describe('when devices of a user change', () => {
  const ways: [how: string, change: (client: TestClient) => Promise<unknown>][] = [
    ['by signing in', signIn],
    ['by a new name', rename],
    ['by signing out', (client) => client.ok('POST', 'v3/logout')],
    ['by signing out everywhere', (client) => client.ok('POST', 'v3/logout/all')],
  ];
  test.each(ways)('%s, those who share a room are told, and nobody else', async (_how, change) => {
    const [ana, ben, eve] = (await people('ana', 'ben', 'eve')) as [TestClient, TestClient, TestClient];
    await room(ana, [ben]);
    const [ofBen, ofEve] = [await now(ben), await now(eve)];
    await change(ana);
    expect(await changes(ben, ofBen)).toEqual({ changed: [ana.userId], left: [] });
    expect(await changes(eve, ofEve)).toEqual({ changed: [], left: [] });
  });

  test('their own devices are told, and a first sync says nothing of it', async () => {
    const ana = await register('ana');
    const since = await now(ana);
    await signIn(ana);
    expect(await changes(ana, since)).toEqual({ changed: [ana.userId], left: [] });
    expect((await ana.ok('GET', 'v3/sync')).device_lists).toBeUndefined();
  });

  test('a waiting client is told at once, at another process too', async () => {
    const [ana, ben] = (await people('ana', 'ben')) as [TestClient, TestClient];
    await room(ana, [ben]);
    for (const baseUrl of [one.baseUrl, other.baseUrl]) {
      const client = clientOf(baseUrl, ben);
      const waiting = client.syncUntil(await now(client), (answer) => answer.device_lists?.changed);
      await rename(ana);
      expect(await waiting).toEqual([ana.userId]);
    }
  });
});

describe('of an encrypted room', () => {
  test('those who come are changed for the others, and the others for them', async () => {
    const [ana, ben, eve] = (await people('ana', 'ben', 'eve')) as [TestClient, TestClient, TestClient];
    const roomId = await room(ana, [ben], encrypted);
    const tokens = [await now(ana), await now(eve)] as const;
    await eve.join(roomId);
    expect(await changes(ana, tokens[0])).toEqual({ changed: [eve.userId], left: [] });
    expect(await changes(eve, tokens[1])).toEqual({ changed: [ana.userId, ben.userId].toSorted(), left: [] });
  });

  test('those who go have left for the others, and the others for them, unless they share another one', async () => {
    const [ana, ben, eve] = (await people('ana', 'ben', 'eve')) as [TestClient, TestClient, TestClient];
    const roomId = await room(ana, [ben, eve], encrypted);
    await room(ana, [eve], encrypted);
    await room(ana, [ben]);
    const tokens = [await now(ana), await now(ben)] as const;
    await leave(ben, roomId);
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/kick`, { user_id: eve.userId });
    // With eve the other encrypted room is still shared, so that her devices are asked for once more at worst.
    expect(await changes(ana, tokens[0])).toEqual({ changed: [eve.userId], left: [ben.userId] });
    expect(await changes(ben, tokens[1])).toEqual({ changed: [], left: [ana.userId, eve.userId].toSorted() });
  });

  test('all members are changed once it becomes encrypted', async () => {
    const [ana, ben] = (await people('ana', 'ben')) as [TestClient, TestClient];
    const roomId = await room(ana, [ben]);
    const since = await now(ben);
    await ana.setState(roomId, 'm.room.encryption', ENCRYPTION);
    expect(await changes(ben, since)).toEqual({ changed: [ana.userId], left: [] });
  });

  test('nothing is told of what concerns no devices: messages, names, invites, rooms that are not encrypted', async () => {
    const [ana, ben, eve] = (await people('ana', 'ben', 'eve')) as [TestClient, TestClient, TestClient];
    const roomId = await room(ana, [ben], encrypted);
    const plain = await room(ana, [ben]);
    const since = await now(ben);
    await ana.say(roomId, 'said');
    await ana.ok('PUT', `v3/profile/${enc(ana.userId)}/displayname`, { displayname: 'Ana' });
    await ben.ok('PUT', `v3/profile/${enc(ben.userId)}/displayname`, { displayname: 'Ben' });
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/invite`, { user_id: eve.userId });
    await eve.join(plain);
    await leave(eve, plain);
    expect(await changes(ben, since)).toEqual({ changed: [], left: [] });
    await leave(eve, roomId);
    expect(await changes(ben, since)).toEqual({ changed: [], left: [] });
  });
});

test('GET /keys/changes says what syncs between two tokens have said', async () => {
  const [ana, ben, eve] = (await people('ana', 'ben', 'eve')) as [TestClient, TestClient, TestClient];
  const roomId = await room(ana, [ben, eve], encrypted);
  const from = await now(ben);
  await rename(ana);
  const middle = await now(ben);
  await leave(eve, roomId);
  const to = await now(ben);
  const ask = (start: string, end: string) => ben.request('GET', `v3/keys/changes?from=${enc(start)}&to=${enc(end)}`);
  expect((await ask(from, middle)).body).toEqual({ changed: [ana.userId], left: [] });
  expect((await ask(middle, to)).body).toEqual({ changed: [], left: [eve.userId] });
  expect((await ask(from, to)).body).toEqual({ changed: [ana.userId], left: [eve.userId] });
  expect((await ask(to, from)).body).toEqual({ changed: [], left: [] });
  expect(await ask('nonsense', to)).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
});
