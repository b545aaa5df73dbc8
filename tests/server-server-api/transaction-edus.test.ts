import { expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const rogue = await startPuppetServer();
let names = 0;
let txns = 0;

async function sendEdus(edus: readonly unknown[], from = puppet) {
  const answer = await from.call(alpha.serverName, 'PUT', `/v1/send/t${txns++}`, { pdus: [], edus } as never);
  expect(answer.status, answer.text).toBe(200);
}

async function receiptsStoredOf(userId: string): Promise<number> {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM receipts WHERE user_id = $1',
    [userId],
  );
  await db.close();
  return row?.count ?? 0;
}

/** A room of alpha's with alice, and a puppet's user in it. */
async function sharedRoom() {
  const alice = await Person.register(alpha, `alice${names++}`);
  const roomId = await alice.createRoom();
  const userId = puppet.user(`guest${names++}`);
  await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  return { alice, roomId, userId };
}

const typing = (roomId: string, userId: string, value = true) => ({
  edu_type: 'm.typing',
  content: { room_id: roomId, user_id: userId, typing: value },
});
const receipt = (roomId: string, userId: string, eventId: string, data: object = { ts: 1 }) => ({
  edu_type: 'm.receipt',
  content: { [roomId]: { 'm.read': { [userId]: { event_ids: [eventId], data } } } },
});
const typingUsers = (alice: Person, roomId: string, until: (users: string[]) => boolean) =>
  alice.untilSync((answer) => {
    const events = answer.rooms?.join?.[roomId]?.ephemeral?.events ?? [];
    const event = events.find((one: { type: string }) => one.type === 'm.typing');
    return event !== undefined && until(event.content.user_ids) ? event.content.user_ids : undefined;
  }, 'typing');
// biome-ignore lint/suspicious/noExplicitAny: the content of m.receipt
const receipts = (alice: Person, roomId: string, fits: (content: any) => boolean): Promise<any> =>
  alice.untilSync((answer) => {
    const events = answer.rooms?.join?.[roomId]?.ephemeral?.events ?? [];
    const event = events.find((one: { type: string }) => one.type === 'm.receipt');
    return event !== undefined && fits(event.content) ? event.content : undefined;
  }, 'a receipt');

test('typing of another server’s user is shown until it ends', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  await sendEdus([typing(roomId, userId)]);
  let stopped: Promise<void> | undefined;
  await typingUsers(alice, roomId, (users) => {
    if (users.length > 0) stopped ??= sendEdus([typing(roomId, userId, false)]);
    return users.length === 0 && stopped !== undefined;
  });
  await stopped;
});

test('receipts of another server’s user are shown, threaded ones too', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const first = await alice.say(roomId, 'first');
  const second = await alice.say(roomId, 'second');
  await sendEdus([receipt(roomId, userId, first), receipt(roomId, userId, second, { ts: 5, thread_id: 'main' })]);
  const content = await receipts(alice, roomId, (found) => first in found && second in found);
  expect(content[first]['m.read'][userId]).toEqual({ ts: 1 });
  expect(content[second]['m.read'][userId]).toEqual({ ts: 5, thread_id: 'main' });
});

test('A2.1 EDUs that speak for users of other servers are dropped', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const bob = await Person.register(alpha, `bob${names++}`);
  await bob.join(roomId);
  const said = await alice.say(roomId, 'said');
  await sendEdus([typing(roomId, bob.userId), typing(roomId, rogue.user('nobody')), receipt(roomId, bob.userId, said)]);
  await sendEdus([typing(roomId, userId), receipt(roomId, userId, said)], rogue);
  // What is sound gets through afterwards, and is all that is seen.
  await sendEdus([typing(roomId, userId), receipt(roomId, userId, said)]);
  expect(await typingUsers(alice, roomId, (users) => users.length > 0)).toEqual([userId]);
  const content = await receipts(alice, roomId, (found) => said in found);
  expect(Object.keys(content[said]['m.read'])).toEqual([userId]);
});

test('A2.2 typing and receipts need a joined user, and receipts an event of that very room', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const other = await sharedRoom();
  const elsewhere = await other.alice.say(other.roomId, 'elsewhere');
  const said = await alice.say(roomId, 'said');
  const stranger = puppet.user('stranger');
  await sendEdus([
    typing(roomId, stranger),
    receipt(roomId, stranger, said),
    receipt(roomId, userId, elsewhere),
    receipt(roomId, userId, '$unknown'),
    typing(roomId, userId),
  ]);
  expect(await typingUsers(alice, roomId, (users) => users.length > 0)).toEqual([userId]);
  for (const user of [stranger, userId]) expect(await receiptsStoredOf(user)).toBe(0);
  const later = await alice.say(roomId, 'later');
  await sendEdus([receipt(roomId, userId, later)]);
  expect(Object.keys(await receipts(alice, roomId, (found) => later in found))).toEqual([later]);
});

test('A2.2 a receipt for a thread needs a thread in that very room', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const said = await alice.say(roomId, 'said');
  await sendEdus([
    receipt(roomId, userId, said, { ts: 1, thread_id: '$made_up' }),
    receipt(roomId, userId, said, { ts: 2, thread_id: said }),
  ]);
  const content = await receipts(alice, roomId, (found) => said in found);
  expect(content[said]['m.read'][userId]).toEqual({ ts: 2, thread_id: said });
});

test('A2.2 a receipt for a thread of no form spoils no other of the EDU', async () => {
  const [one, other] = [await sharedRoom(), await sharedRoom()];
  const [first, second] = [await one.alice.say(one.roomId, 'first'), await other.alice.say(other.roomId, 'second')];
  const odd = receipt(one.roomId, one.userId, first, { ts: 1, thread_id: 7 });
  const good = receipt(other.roomId, other.userId, second);
  await sendEdus([{ edu_type: 'm.receipt', content: { ...odd.content, ...good.content } }]);
  await receipts(other.alice, other.roomId, (found) => second in found);
  expect(await receiptsStoredOf(one.userId)).toBe(0);
});

test('A1.19 receipts for a room that nobody here is in any more are dropped', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const said = await alice.say(roomId, 'said');
  await alice.roomOk('POST', roomId, 'leave', {});
  await sendEdus([receipt(roomId, userId, said)]);
  expect(await receiptsStoredOf(userId)).toBe(0);
});

test('A2.3 an EDU of more than 64 KiB is dropped, and no other', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const said = await alice.say(roomId, 'said');
  const large = receipt(roomId, userId, said, { ts: 1, padding: 'x'.repeat(65_536) });
  await sendEdus([large, receipt(roomId, userId, said, { ts: 2 })]);
  const content = await receipts(alice, roomId, (found) => said in found);
  expect(content[said]['m.read'][userId]).toEqual({ ts: 2 });
});

test('A4.1 EDUs of a server that the ACL shuts out are dropped', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const said = await alice.say(roomId, 'said');
  await alice.setState(roomId, 'm.room.server_acl', { allow: ['*.example.org'] });
  await sendEdus([typing(roomId, userId), receipt(roomId, userId, said)]);
  await alice.setState(roomId, 'm.room.server_acl', { allow: ['*'] });
  await sendEdus([receipt(roomId, userId, said, { ts: 99 })]);
  const content = await receipts(alice, roomId, (found) => said in found);
  expect(content[said]['m.read'][userId].ts).toBe(99);
});

const presence = (...push: object[]) => ({ edu_type: 'm.presence', content: { push } });
const presenceOf = async (viewer: Person, userId: string) =>
  (await viewer.call('GET', `/presence/${encodeURIComponent(userId)}/status`)).body;

test('presence of another server’s user is shown to those who share a room', async () => {
  const { alice, userId } = await sharedRoom();
  await sendEdus([
    presence(
      { user_id: userId, presence: 'online', last_active_ago: 0 },
      { user_id: userId, presence: 'unavailable', status_msg: 'at lunch', last_active_ago: 5_000 },
    ),
  ]);
  const shown = { presence: 'unavailable', status_msg: 'at lunch', last_active_ago: expect.any(Number) };
  expect(await presenceOf(alice, userId)).toEqual(shown);
  const content = await alice.untilSync(
    (answer) => answer.presence?.events.find((event: { sender: string }) => event.sender === userId)?.content,
    'the presence',
  );
  expect(content).toEqual(shown);
});

test('A2.1 A2.2 presence of users of other servers, of strangers and of another form is dropped', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const online = (user: unknown, state: unknown = 'online') => ({ user_id: user, presence: state, last_active_ago: 0 });
  const stranger = puppet.user(`stranger${names++}`);
  await sendEdus([presence(online(userId), online(alice.userId))]);
  await sendEdus([presence(online(userId))], rogue);
  await sendEdus([
    presence(online(userId, 'busy'), online(stranger)),
    { edu_type: 'm.presence', content: { push: 7 } },
  ]);
  expect(await presenceOf(alice, userId)).toEqual({ presence: 'offline' });
  await PuppetRoom.join(puppet, alpha.serverName, roomId, stranger);
  expect(await presenceOf(alice, stranger)).toEqual({ presence: 'offline' });
});
