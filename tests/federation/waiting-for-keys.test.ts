import { expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';
import { testClock } from '../harness/test-clock.ts';

const clock = testClock(Date.now());
const alpha = await startHomeserver({ clock });
const puppet = await startPuppetServer();
const creator = puppet.user('creator');
const MINUTE = 60_000;
let names = 0;
let txns = 0;

async function send(events: readonly { pdu: unknown }[], from = puppet, to = alpha) {
  const body = { pdus: events.map((event) => event.pdu) };
  const answer = await from.call(to.serverName, 'PUT', `/v1/send/${txns++}`, body as never);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus as Record<string, { error?: string }>;
}

async function waitingIn(room: PuppetRoom, { databaseUrl } = alpha): Promise<number> {
  const db = openDatabase({ connection: databaseUrl, poolSize: 1 });
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM waiting_pdus w JOIN rooms r ON r.nid = w.room_nid WHERE r.room_id = $1',
    [room.roomId],
  );
  await db.close();
  return row?.count ?? 0;
}

/** How often each of the events that wait in a room has been looked at again. */
async function triesIn(room: PuppetRoom): Promise<number[]> {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const rows = await db.query<{ tries: number }>(
    'SELECT tries FROM waiting_pdus w JOIN rooms r ON r.nid = w.room_nid WHERE r.room_id = $1',
    [room.roomId],
  );
  await db.close();
  return rows.map(({ tries }) => tries);
}

/** Waits until nothing of a room waits any more, and answers the messages in it. */
async function textsOnceSettled(room: PuppetRoom, alice: Person, server = alpha): Promise<string[]> {
  await expect.poll(() => waitingIn(room, server)).toBe(0);
  return await alice.at(server).texts(room.roomId);
}

/** A room of the puppet's, and the same in the hands of another server that does not tell its keys. */
async function roomWithStranger(host: 'localhost' | '127.0.0.1' = 'localhost', server = alpha) {
  const room = PuppetRoom.create(puppet);
  room.serve();
  const alice = await Person.register(server, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  const stranger = await startPuppetServer(host);
  const keys = stranger.answers.get('server');
  stranger.answers.delete('server');
  const userId = stranger.user(`stranger${names++}`);
  const theirs = room.seenBy(stranger);
  const member = { type: 'm.room.member', sender: userId, stateKey: userId };
  const join = theirs.add({ ...member, content: { membership: 'join' } });
  const said = ['one', 'two'].map((body) => theirs.message(userId, body));
  const telling = () => stranger.answers.set('server', keys ?? (() => undefined));
  const other = () => {
    // Two of the same millisecond must not be the same event.
    const content = { body: 'something else', number: names++ };
    return room.build({ type: 'm.room.message', sender: creator, content });
  };
  return { room, alice, stranger, events: [join, ...said], telling, other };
}

test('events whose key cannot be had are taken in once their server tells the key to whoever asks again', async () => {
  const { room, alice, events, telling, other } = await roomWithStranger();
  const answers = await send([other(), other(), ...events]);
  for (const { eventId } of events) expect(answers[eventId]?.error).toContain('unknown key');
  expect(await waitingIn(room)).toBe(3);
  telling();
  await send([other()]);
  expect(await alice.texts(room.roomId)).toEqual(Array(3).fill('something else'));
  clock.advance(2 * MINUTE);
  await send([other()]);
  expect(await textsOnceSettled(room, alice)).toEqual(expect.arrayContaining(['one', 'two']));
});

test('they are taken in as soon as the key comes on another way, though nothing happens in the room', async () => {
  const { room, alice, stranger, events, telling } = await roomWithStranger();
  await send(events);
  telling();
  // Its keys may be asked for again, but it is not yet time for the events.
  clock.advance(MINUTE / 2);
  await stranger.call(alpha.serverName, 'GET', '/v1/query/profile?user_id=@nobody:x');
  expect(await textsOnceSettled(room, alice)).toEqual(['one', 'two']);
});

test('their server is asked for the key again when it is time, though nothing happens in the room', async () => {
  const { room, alice, events, telling } = await roomWithStranger();
  await send(events);
  telling();
  clock.advance(2 * MINUTE);
  expect(await textsOnceSettled(room, alice)).toEqual(['one', 'two']);
});

test('so it is after a restart', async () => {
  const before = await startHomeserver({ clock });
  const { room, alice, events, telling } = await roomWithStranger('localhost', before);
  await send(events, puppet, before);
  expect(await waitingIn(room, before)).toBe(3);
  await before.stop();
  telling();
  clock.advance(2 * MINUTE);
  const { databaseUrl, federationPort } = before;
  const after = await startHomeserver({ clock, databaseUrl, federationPort });
  expect(await textsOnceSettled(room, alice, after)).toEqual(['one', 'two']);
  expect(await brokenRules(after)).toEqual([]);
});

test('A1.1 they are dropped when the key shows that they were forged, and do not stand in the way of those that were not', async () => {
  const { room, alice, stranger, events, telling } = await roomWithStranger();
  const forged = events.map(({ eventId, pdu }) => {
    const signatures = { [stranger.serverName]: { [stranger.key.keyId]: 'A'.repeat(86) } };
    return { eventId, pdu: { ...pdu, signatures } };
  });
  await send(forged);
  await send(events, await startPuppetServer());
  expect(await waitingIn(room)).toBe(6);
  telling();
  clock.advance(MINUTE / 2);
  await stranger.call(alpha.serverName, 'GET', '/v1/query/profile?user_id=@nobody:x');
  expect(await textsOnceSettled(room, alice)).toEqual(['one', 'two']);
});

test('A1.14 they wait in bounded number, as all others do', async () => {
  const { room, stranger } = await roomWithStranger();
  const theirs = room.seenBy(stranger);
  for (let n = 0; n < 3; n++)
    await send(Array.from({ length: 20 }, (_, i) => theirs.message(stranger.user('flood'), `${n} ${i}`)));
  expect(await waitingIn(room)).toBe(50);
  expect(await waitingIn(room)).toBe(50);
});

test('they are given up when they have been looked at five times, whoever brings about the look', async () => {
  const { room, events, other } = await roomWithStranger();
  await send(events);
  for (const [tries, minutes] of [1, 4, 16, 64].entries()) {
    clock.advance(minutes * MINUTE);
    if (tries !== 1) await send([other()]);
    await expect.poll(() => triesIn(room)).toEqual(Array(3).fill(tries + 1));
  }
  // What another server has brought has been looked at less often, and is not given up with the others.
  await send(events, await startPuppetServer());
  expect(await waitingIn(room)).toBe(6);
  clock.advance(256 * MINUTE);
  await expect.poll(() => triesIn(room)).toEqual(Array(3).fill(1));
});

test('A4.1 they do not wait where their server may not take part', async () => {
  const { room, events } = await roomWithStranger('127.0.0.1');
  const content = { allow: ['*'], deny: ['127.0.0.1'], allow_ip_literals: true };
  await send([room.add({ type: 'm.room.server_acl', sender: creator, stateKey: '', content })]);
  await send(events);
  expect(await waitingIn(room)).toBe(0);
});

test('A1.19 they do not wait in a room that nobody here is in', async () => {
  const { room, alice, events } = await roomWithStranger();
  await alice.roomOk('POST', room.roomId, 'leave', {});
  await send(events);
  expect(await waitingIn(room)).toBe(0);
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
