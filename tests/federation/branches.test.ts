import { expect, test } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
let names = 0;
let txns = 0;

async function send(events: readonly { pdu: unknown }[]) {
  const body = { pdus: events.map((event) => event.pdu) };
  const answer = await puppet.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, body as never);
  expect(answer.status, answer.text).toBe(200);
}

/** A room of alice's that the puppet's user is in. */
async function guestRoom(options: Record<string, unknown> = {}) {
  const alice = await Person.register(alpha, `alice${names++}`);
  const roomId = await alice.createRoom(options);
  const userId = puppet.user(`guest${names++}`);
  const room = await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  room.serve();
  return { alice, roomId, userId, room };
}

test('state set on another branch than ours counts', async () => {
  const { alice, roomId, userId, room } = await guestRoom({ power_level_content_override: { state_default: 0 } });
  await alice.say(roomId, 'on our branch');
  const topic = room.add({ type: 'm.room.topic', sender: userId, stateKey: '', content: { topic: 'on theirs' } });
  await send([topic]);
  expect((await alice.roomOk('GET', roomId, 'state/m.room.topic/')).topic).toBe('on theirs');
  await alice.say(roomId, 'on both');
  expect((await alice.roomOk('GET', roomId, 'state/m.room.topic/')).topic).toBe('on theirs');
});

test('an event that follows one that was not accepted takes the place of what that follows', async () => {
  const { alice, roomId, userId } = await guestRoom();
  const other = puppet.user(`other${names++}`);
  const joined = await PuppetRoom.join(puppet, alpha.serverName, roomId, other);
  joined.serve();
  await alice.roomOk('POST', roomId, 'ban', { user_id: userId });
  const first = joined.message(other, 'first');
  const unaccepted = joined.message(userId, 'by somebody who is banned meanwhile');
  const last = joined.message(other, 'last');
  await send([first, unaccepted, last]);
  expect(await alice.texts(roomId)).toEqual(['first', 'last']);
  const merged = new Promise<Pdu>((resolve) => {
    puppet.answers.set('send', ({ body }) => {
      const said = body.pdus.find((pdu: Pdu) => pdu.content.body === 'merged');
      if (said !== undefined) resolve(said);
      return { pdus: {} };
    });
  });
  await alice.say(roomId, 'merged');
  const bans = (await alice.history(roomId)).filter((event) => event.content.membership === 'ban');
  expect((await merged).prev_events.toSorted()).toEqual([bans[0]?.event_id, last.eventId].toSorted());
});

test('a member who is banned on one branch and speaks on the other is banned where they meet', async () => {
  const { alice, roomId, userId, room } = await guestRoom();
  const before = [...room.latest];
  await alice.roomOk('POST', roomId, 'ban', { user_id: userId });
  const evading = room.build({
    type: 'm.room.message',
    sender: userId,
    content: { body: 'evading' },
    prevEvents: before,
  });
  await send([evading]);
  const rejoin = room.build({
    type: 'm.room.member',
    sender: userId,
    stateKey: userId,
    content: { membership: 'join', displayname: 'back' },
    prevEvents: [evading.eventId],
  });
  await send([rejoin]);
  expect(await alice.membership(roomId, userId)).toBe('ban');
  expect(await alice.texts(roomId)).toEqual([]);
});

test('clients are told of state that a message brings because it is from another branch', async () => {
  const { alice, roomId, userId, room } = await guestRoom({ power_level_content_override: { state_default: 0 } });
  const topic = (text: string, originServerTs: number) =>
    room.add({ type: 'm.room.topic', sender: userId, stateKey: '', content: { topic: text }, originServerTs });
  const [first, second] = [topic('first', 2_000), topic('second', 1_000)];
  await send([first, second]);
  const { next_batch: since } = await alice.ok('GET', '/sync');
  // Where its branch meets that of the second topic the first one counts, because its sender's clock had it later.
  await send([room.build({ type: 'm.room.message', sender: userId, content: {}, prevEvents: [first.eventId] })]);
  expect((await alice.roomOk('GET', roomId, 'state/m.room.topic/')).topic).toBe('first');
  for (const query of [`since=${since}`, `filter=${encodeURIComponent('{"room":{"timeline":{"limit":1}}}')}`]) {
    const { state, timeline } = (await alice.ok('GET', `/sync?${query}`)).rooms.join[roomId];
    expect(timeline.events.map((event: { type: string }) => event.type)).toEqual(['m.room.message']);
    const topics = state.events.filter((event: { type: string }) => event.type === 'm.room.topic');
    expect(topics.map((event: { event_id: string }) => event.event_id)).toEqual([first.eventId]);
  }
});

test('messages on a branch whose state is not that of the room are stored without any state of their own', async () => {
  const { alice, roomId, userId, room } = await guestRoom({ power_level_content_override: { state_default: 0 } });
  await alice.setState(roomId, 'm.room.name', { name: 'on our branch' });
  await send([room.add({ type: 'm.room.topic', sender: userId, stateKey: '', content: { topic: 'on theirs' } })]);
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const snapshots = async () => await db.query('SELECT id FROM state_snapshots ORDER BY id');
  const before = await snapshots();
  const messages = Array.from({ length: 20 }, (_, n) => room.message(userId, `${n}`));
  for (const message of messages.slice(0, 5)) await send([message]);
  await send(messages.slice(5));
  expect(await snapshots()).toEqual(before);
  expect((await alice.texts(roomId)).length).toBe(20);
  await db.close();
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
