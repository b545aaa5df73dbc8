import { beforeAll, expect, test } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const server = await startHomeserver();
const puppet = await startPuppetServer();
const names = ['ana', 'ben', 'cyn', 'dan', 'eve'];
const clients = await Promise.all(names.map((name) => registerClient(server.baseUrl, name)));
/** Ben was there when Dan wrote and is not when Dan closes his account, Eve the other way round; Cyn comes after that. */
const [ana, ben, cyn, dan, eve] = clients as [TestClient, TestClient, TestClient, TestClient, TestClient];

let roomId: string;
let message: string;
let edit: string;
let early: PuppetRoom;
const late = await startPuppetServer();

beforeAll(async () => {
  roomId = await ana.createRoom({ preset: 'public_chat', name: 'As it was' });
  await dan.ok('PUT', `v3/profile/${enc(dan.userId)}/displayname`, { displayname: 'Dan' });
  for (const client of [ben, dan]) await client.join(roomId);
  early = await PuppetRoom.join(puppet, server.serverName, roomId, puppet.user('early'));
  message = await dan.say(roomId, 'my secret');
  const replaced = { msgtype: 'm.text', body: 'my other secret' };
  const relation = { 'm.new_content': replaced, 'm.relates_to': { rel_type: 'm.replace', event_id: message } };
  const content = { ...replaced, ...relation };
  edit = (await dan.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/edit`, content)).event_id;
  await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
  await eve.join(roomId);
  const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'dan' }, password: 'a good one' };
  await dan.ok('POST', 'v3/account/deactivate', { auth, erase: true });
  await ana.syncUntil(
    undefined,
    (answer) => JSON.stringify(answer.rooms.join[roomId]).includes('"leave"') || undefined,
  );
  for (const client of [ben, cyn]) await client.join(roomId);
});

const eventFor = async (client: TestClient, eventId: string) =>
  await client.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`);

test('who was in the room goes on seeing what an erased user sent', async () => {
  for (const client of [ana, ben, eve]) {
    const event = await eventFor(client, message);
    expect(event.content.body).toBe('my secret');
    expect(event.unsigned['m.relations']['m.replace'].content.body).toBe('my other secret');
  }
});

test('who comes later sees it redacted, wherever it is shown', async () => {
  for (const eventId of [message, edit]) expect((await eventFor(cyn, eventId)).content).toEqual({});
  const seen = [
    await eventFor(cyn, message),
    await cyn.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=100`),
    await cyn.ok('GET', `v3/rooms/${enc(roomId)}/context/${enc(message)}`),
    await cyn.ok('GET', `v3/rooms/${enc(roomId)}/state`),
    await cyn.ok('GET', `v1/rooms/${enc(roomId)}/relations/${enc(message)}`),
    await cyn.ok('GET', 'v3/sync'),
  ];
  for (const answer of seen) {
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(JSON.stringify(answer)).not.toContain('"Dan"');
  }
  expect(JSON.stringify(seen.at(-1))).toContain('As it was');
});

test('a server that was in the room goes on seeing it, one that comes later sees it redacted', async () => {
  const read = async (from: typeof puppet): Promise<string> => {
    const room = enc(roomId);
    const answers = [
      await from.call(server.serverName, 'GET', `/v1/event/${enc(message)}`),
      await from.call(server.serverName, 'GET', `/v1/backfill/${room}?v=${enc(edit)}&limit=10`),
    ];
    for (const answer of answers) expect(answer.status, answer.text).toBe(200);
    return answers.flatMap(({ body }) => body.pdus.map((pdu: Pdu) => pdu.content.body ?? '')).join();
  };
  expect(early.roomId).toBe(roomId);
  expect(await read(puppet)).toContain('my secret');
  await PuppetRoom.join(late, server.serverName, roomId, late.user('late'));
  expect(await read(late)).not.toContain('secret');
});
