import { expect, test } from 'vitest';
import type { EventId } from '../../server/src/protocol/event.ts';
import type { JsonValue } from '../../server/src/protocol/json.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { spawnHomeserver, startHomeserver, type TestHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const creator = puppet.user('creator');
let names = 0;
let txns = 0;

async function send(
  events: readonly { pdu: unknown }[],
  to: Pick<TestHomeserver, 'serverName'> = alpha,
  txnId = `t${txns++}`,
) {
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

test('A1.6 a membership that says it was authorised by what is no user is refused, and spoils nothing around it', async () => {
  const { room, alice } = await joinedRoom();
  const guest = puppet.user(`guest${names++}`);
  const by = (authoriser: JsonValue) => {
    const content = { membership: 'join', join_authorised_via_users_server: authoriser };
    return room.build({ type: 'm.room.member', sender: guest, stateKey: guest, content });
  };
  const odd = [{}, [{}], { toString: 1 }, 5, ''].map(by);
  const hello = room.message(creator, 'hello');
  const results = await send([...odd, hello]);
  for (const { eventId } of odd) expect(results[eventId]?.error).toContain('signature');
  expect(results[hello.eventId]).toEqual({});
  expect(await alice.texts(room.roomId)).toEqual(['hello']);
});

test('A1.10 an invite that nobody has authorised, taken in before anybody was in the room, authorises nothing', async () => {
  const room = PuppetRoom.create(puppet);
  room.serve();
  room.add({ type: 'm.room.power_levels', sender: creator, stateKey: '', content: { invite: 50 } });
  const guest = puppet.user(`guest${names++}`);
  room.add({ type: 'm.room.member', sender: guest, stateKey: guest, content: { membership: 'join' } });
  const [alice, bob] = [await Person.register(alpha, `alice${names++}`), await Person.register(alpha, `bob${names++}`)];
  const ofAlice = { type: 'm.room.member', stateKey: alice.userId };
  const invite = room.build({ ...ofAlice, sender: guest, content: { membership: 'invite' } });
  const path = `/v2/invite/${encodeURIComponent(room.roomId)}/${encodeURIComponent(invite.eventId)}`;
  const state = [...room.state.values()].map(({ pdu }) => pdu);
  const body = { room_version: room.version.id, event: invite.pdu, invite_room_state: state };
  expect((await puppet.call(alpha.serverName, 'PUT', path, body as never)).status).toBe(200);
  await bob.join(room.roomId, [puppet.serverName]);
  room.know(invite.pdu);
  const kick = room.build({
    ...ofAlice,
    sender: creator,
    content: { membership: 'leave' },
    authEvents: [
      room.eventOf('m.room.power_levels')?.eventId ?? '',
      room.eventOf('m.room.member', creator)?.eventId ?? '',
      invite.eventId,
    ],
  });
  room.know(kick.pdu);
  expect((await send([kick]))[kick.eventId]?.error).toContain('auth events');
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

/** Holds back the answer about what is missing before an event, until it is released. */
function holdBack(missed: { readonly pdu: unknown }) {
  const release = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  puppet.answers.set('get_missing_events', async () => {
    asked.resolve();
    await release.promise;
    return { events: [missed.pdu] };
  });
  return { asked: asked.promise, release: release.resolve };
}

test('a room that waits for missing events holds up no other, and takes in its own in their order', async () => {
  const [other, stalled] = [await joinedRoom(), await joinedRoom()];
  const missed = stalled.room.message(creator, 'missed');
  const [first, second] = [stalled.room.message(creator, 'first'), stalled.room.message(creator, 'second')];
  const { asked, release } = holdBack(missed);
  const answers = [send([first, other.room.message(creator, 'in the same transaction')])];
  await asked;
  answers.push(send([second, other.room.message(creator, 'in the next one')]));
  await other.alice.untilText(other.room.roomId, 'in the next one');
  expect(await other.alice.texts(other.room.roomId)).toEqual(['in the same transaction', 'in the next one']);
  expect(await stalled.alice.texts(stalled.room.roomId)).toEqual([]);
  release();
  for (const answer of answers) expect(Object.values(await answer)).toEqual([{}, {}]);
  expect(await stalled.alice.texts(stalled.room.roomId)).toEqual(['missed', 'first', 'second']);
});

test('a server whose events wait for others keeps only itself waiting, not those who are in the same room', async () => {
  const { room, alice } = await joinedRoom();
  const friend = await startPuppetServer('127.0.0.1');
  const fred = friend.user('fred');
  const theirs = await PuppetRoom.join(friend, alpha.serverName, room.roomId, fred);
  const missed = room.message(creator, 'missed');
  const { asked, release } = holdBack(missed);
  let isAnswered = false;
  const answer = send([room.message(creator, 'late')]).finally(() => {
    isAnswered = true;
  });
  await asked;
  const hello = theirs.message(fred, 'hello');
  const { body } = await friend.call(alpha.serverName, 'PUT', '/v1/send/beside', { pdus: [hello.pdu] } as never);
  expect(body.pdus).toEqual({ [hello.eventId]: {} });
  expect(isAnswered).toBe(false);
  release();
  expect(Object.values(await answer)).toEqual([{}]);
  expect((await alice.texts(room.roomId)).toSorted()).toEqual(['hello', 'late', 'missed']);
});

test('a transaction that kill -9 cuts short is taken in whole when it comes again, and nothing of it twice', async () => {
  const first = await spawnHomeserver();
  const room = PuppetRoom.create(puppet);
  room.serve();
  const alice = await Person.register(first, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  const stored = room.message(creator, 'stored');
  const missed = room.message(creator, 'missed');
  const pending = room.message(creator, 'pending');
  const { asked, release } = holdBack(missed);
  const cut = puppet.call(first.serverName, 'PUT', '/v1/send/cut', { pdus: [stored.pdu, pending.pdu] } as never);
  const failed = expect(cut).rejects.toThrow();
  await asked;
  await alice.untilText(room.roomId, 'stored');
  await first.kill('SIGKILL');
  await failed;
  release();
  const { databaseUrl, federationPort } = first;
  const second = await startHomeserver({ databaseUrl, federationPort });
  expect(Object.values(await send([stored, pending], second, 'cut'))).toEqual([{}, {}]);
  expect(await alice.at(second).texts(room.roomId)).toEqual(['stored', 'missed', 'pending']);
  expect(await brokenRules(second)).toEqual([]);
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
