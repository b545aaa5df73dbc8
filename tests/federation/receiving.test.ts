import { expect, test } from 'vitest';
import type { EventId } from '../../server/src/protocol/event.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver, type TestHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const creator = puppet.user('creator');
let names = 0;
let txns = 0;

async function send(events: readonly { pdu: unknown }[], to: TestHomeserver = alpha, txnId = `t${txns++}`) {
  const body = { pdus: events.map((event) => event.pdu) };
  const answer = await puppet.call(to.serverName, 'PUT', `/v1/send/${txnId}`, body as never);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus as Record<string, { error?: string }>;
}

async function joinedRoom(server: TestHomeserver = alpha) {
  const room = PuppetRoom.create(puppet);
  room.serve();
  const alice = await Person.register(server, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  return { room, alice };
}

test('messages and state of one transaction count from one to the next, and what is refused spoils nothing', async () => {
  const { room, alice } = await joinedRoom();
  const guest = puppet.user(`guest${names++}`);
  const member = (membership: string, sender: string) =>
    room.add({ type: 'm.room.member', sender, stateKey: guest, content: { membership } });
  const join = member('join', guest);
  const hello = room.message(guest, 'hello');
  const grab = room.build({ type: 'm.room.name', sender: guest, stateKey: '', content: { name: 'grab' } });
  const kick = member('leave', creator);
  const late = room.build({
    type: 'm.room.message',
    sender: guest,
    content: { body: 'too late' },
    authEvents: [room.eventOf('m.room.power_levels')?.eventId ?? '', join.eventId],
  });
  const bye = room.message(creator, 'bye');
  const results = await send([join, hello, grab, kick, late, bye]);
  for (const event of [join, hello, kick, bye]) expect(results[event.eventId]).toEqual({});
  expect(results[grab.eventId]?.error).toContain('auth events');
  expect(results[late.eventId]?.error).toContain('state before');
  expect(await alice.texts(room.roomId)).toEqual(['hello', 'bye']);
  expect(await alice.membership(room.roomId, guest)).toBe('leave');
});

test('an event whose auth events cannot be had is accepted when it comes again after them', async () => {
  const { room, alice } = await joinedRoom();
  const guest = puppet.user(`guest${names++}`);
  const before = [...room.latest];
  const join = room.add({ type: 'm.room.member', sender: guest, stateKey: guest, content: { membership: 'join' } });
  const hello = room.message(guest, 'hello');
  const silent = ['get_missing_events', 'event_auth', 'state_ids', 'state', 'event'];
  for (const call of silent) puppet.answers.delete(call);
  expect((await send([hello]))[hello.eventId]?.error).toBeTypeOf('string');
  expect(before).toEqual(join.pdu.prev_events);
  expect(await send([join])).toEqual({ [join.eventId]: {} });
  expect(await send([hello])).toEqual({ [hello.eventId]: {} });
  expect(await alice.texts(room.roomId)).toEqual(['hello']);
});

test('A1.12 a refusal by a state that somebody told us does not outlast the arrival of what was missing', async () => {
  const { room, alice } = await joinedRoom();
  const missed = room.message(creator, 'missed');
  const victim = room.message(creator, 'not to be suppressed');
  puppet.answers.set('get_missing_events', () => ({ events: [] }));
  const only = ['m.room.create', 'm.room.power_levels'].map((type) => room.eventOf(type)?.eventId);
  puppet.answers.set('state_ids', () => ({ pdu_ids: only, auth_chain_ids: [] }));
  expect((await send([victim]))[victim.eventId]?.error).toContain('state before');
  expect(await send([missed])).toEqual({ [missed.eventId]: {} });
  expect(await send([victim])).toEqual({ [victim.eventId]: {} });
  expect(await alice.texts(room.roomId)).toEqual(['missed', 'not to be suppressed']);
});

/** How many events the next event of the room would name as previous. */
async function forwardExtremities(room: PuppetRoom): Promise<number> {
  const userId = puppet.user(`visitor${names++}`);
  const path = `/v1/make_join/${encodeURIComponent(room.roomId)}/${encodeURIComponent(userId)}?ver=12`;
  return (await puppet.call(alpha.serverName, 'GET', path)).body.event.prev_events.length;
}

test('a graph that others let fall apart into a hundred branches is tied together again', async () => {
  const { room, alice } = await joinedRoom();
  const prevEvents = [...room.latest];
  const branches = Array.from({ length: 100 }, (_, i) =>
    room.build({ type: 'm.room.message', sender: creator, content: { body: `branch ${i}` }, prevEvents }),
  );
  for (const half of [branches.slice(0, 50), branches.slice(50)])
    expect(Object.values(await send(half))).toEqual(half.map(() => ({})));
  expect(await forwardExtremities(room)).toBeLessThanOrEqual(10);
  expect((await alice.texts(room.roomId)).length).toBe(100);
});

test('branches that come one by one are tied together as well', async () => {
  const { room } = await joinedRoom();
  const prevEvents = [...room.latest];
  for (let i = 0; i < 15; i++)
    await send([room.build({ type: 'm.room.message', sender: creator, content: { body: `${i}` }, prevEvents })]);
  expect(await forwardExtremities(room)).toBeLessThanOrEqual(10);
});

test('a server with many transactions under way is told to wait, and others are not', async () => {
  const slow = await startPuppetServer();
  const other = await joinedRoom();
  const room = PuppetRoom.create(slow);
  room.serve();
  const alice = await Person.register(alpha, `alice${names++}`);
  await alice.join(room.roomId, [slow.serverName]);
  let answerAll = () => {};
  const wait = new Promise<void>((resolve) => {
    answerAll = resolve;
  });
  slow.answers.set('get_missing_events', async () => {
    await wait;
    return { events: [] };
  });
  room.message(slow.user('creator'), 'nobody gets to see this');
  const late = room.message(slow.user('creator'), 'late');
  const put = (n: number) => slow.call(alpha.serverName, 'PUT', `/v1/send/slow${n}`, { pdus: [late.pdu] } as never);
  const many = Array.from({ length: 17 }, (_, n) => put(n));
  expect((await Promise.race(many)).status).toBe(429);
  const hello = other.room.message(creator, 'hello');
  expect(await send([hello])).toEqual({ [hello.eventId]: {} });
  answerAll();
  const statuses = (await Promise.all(many)).map((answer) => answer.status);
  expect(statuses.toSorted((a, b) => a - b)).toEqual([...Array(16).fill(200), 429]);
  expect((await put(17)).status).toBe(200);
});

test('a transaction that is repeated after a restart is answered as it was before', async () => {
  const first = await startHomeserver();
  const { room, alice } = await joinedRoom(first);
  const good = room.message(creator, 'good');
  const guest = puppet.user(`guest${names++}`);
  const refused = room.build({ type: 'm.room.message', sender: guest, content: { body: 'from outside' } });
  const forged = { ...good, pdu: { ...good.pdu, depth: 4_242 } };
  const answer = await send([good, refused, forged], first, 'repeated');
  expect(answer[good.eventId as EventId]).toEqual({});
  expect(answer[refused.eventId]?.error).toBeTypeOf('string');
  await first.stop();
  const second = await startHomeserver({ databaseUrl: first.databaseUrl, federationPort: first.federationPort });
  expect(await send([good, refused, forged], second, 'repeated')).toEqual(answer);
  expect(await alice.at(second).texts(room.roomId)).toEqual(['good']);
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
