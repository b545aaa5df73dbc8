import { expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const creator = puppet.user('creator');
let names = 0;
let txns = 0;

async function send(...events: { pdu: unknown }[]) {
  const body = { pdus: events.map((event) => event.pdu) };
  const answer = await puppet.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, body as never);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus as Record<string, { error?: string }>;
}

/** A room of the puppet's with alice in it. What was missed it does not give away, and of the state before that only a part. */
async function roomWithLies() {
  const room = PuppetRoom.create(puppet);
  room.serve();
  const alice = await Person.register(alpha, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  puppet.answers.set('get_missing_events', () => ({ events: [] }));
  const told = [...room.state.values()].filter(({ pdu }) => pdu.state_key === '' || pdu.state_key === creator);
  const ids = told.map((event) => event.eventId);
  puppet.answers.set('state_ids', () => ({ pdu_ids: ids, auth_chain_ids: [] }));
  const guest = puppet.user(`guest${names++}`);
  const joins = { type: 'm.room.member', sender: guest, stateKey: guest, content: { membership: 'join' } };
  return { room, alice, guest, guestJoins: () => room.add(joins) };
}

async function admissionOf(eventId: string) {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const [row] = await db.query<{ admission: string }>('SELECT admission FROM events WHERE event_id = $1', [eventId]);
  await db.close();
  return row?.admission;
}

async function extremitiesOf(room: PuppetRoom): Promise<string[]> {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const rows = await db.query<{ event_id: string }>(
    'SELECT e.event_id FROM rooms r JOIN events e ON e.nid = ANY (r.extremities) WHERE r.room_id = $1',
    [room.roomId],
  );
  await db.close();
  return rows.map((row) => row.event_id);
}

test('A1.12 an event that a state told further back forbids is accepted when what that stood in for arrives', async () => {
  const { room, alice, guest, guestJoins } = await roomWithLies();
  const missed = guestJoins();
  const early = ['stands on what was told', 'and so does this'].map((body) => room.message(creator, body));
  const victim = room.message(guest, 'not to be suppressed');
  expect(await send(...early, victim)).toEqual({
    ...Object.fromEntries(early.map((event) => [event.eventId, {}])),
    [victim.eventId]: { error: expect.stringContaining('state before') },
  });
  const others = ['nor this', 'nor that'].map((body) =>
    room.build({ type: 'm.room.message', sender: guest, content: { body }, prevEvents: [early[1]?.eventId ?? ''] }),
  );
  await send(...others);
  for (const { eventId } of [victim, ...others]) expect(await admissionOf(eventId)).toBeUndefined();
  await send(missed);
  expect((await alice.texts(room.roomId)).toSorted()).toEqual(
    ['stands on what was told', 'and so does this', 'not to be suppressed', 'nor this', 'nor that'].toSorted(),
  );
  const next = room.message(guest, 'and what follows it');
  expect(await send(next)).toEqual({ [next.eventId]: {} });
  expect(await alice.membership(room.roomId, guest)).toBe('join');
});

test('it is accepted too when it comes after what was missed', async () => {
  const { room, alice, guest, guestJoins } = await roomWithLies();
  const missed = guestJoins();
  await send(room.message(creator, 'stands on what was told'));
  await send(missed);
  const victim = room.message(guest, 'not to be suppressed');
  expect(await send(victim)).toEqual({ [victim.eventId]: {} });
  expect(await alice.texts(room.roomId)).toContain('not to be suppressed');
});

test('one that is forbidden by what arrives as well is rejected for good', async () => {
  const { room, guest } = await roomWithLies();
  const missed = room.message(creator, 'missed');
  await send(room.message(creator, 'stands on what was told'));
  const authEvents = [room.eventOf('m.room.power_levels')?.eventId ?? ''];
  const content = { membership: 'ban' };
  const forbidden = room.build({ type: 'm.room.member', sender: creator, stateKey: guest, content, authEvents });
  await send(missed);
  await send(forbidden);
  expect(await admissionOf(forbidden.eventId)).toBe('rejected');
});

test('A1.12 a state told without our users does not become ours when the gap behind it closes', async () => {
  const { room, alice } = await roomWithLies();
  const missed = room.message(creator, 'missed');
  const first = room.message(creator, 'stands on what was told');
  expect(await send(first)).toEqual({ [first.eventId]: {} });
  expect(await send(missed)).toEqual({ [missed.eventId]: {} });
  expect(await alice.membership(room.roomId, alice.userId)).toBe('join');
  await alice.say(room.roomId, 'still here');
  expect(await alice.membership(room.roomId, alice.userId)).toBe('join');
  const last = room.message(creator, 'on the branch whose state was told');
  expect(await send(last)).toEqual({ [last.eventId]: {} });
  expect(await alice.membership(room.roomId, alice.userId)).toBe('join');
});

test('A1.12 nor when a refused event that it was told for is what later ones follow', async () => {
  const { room, alice, guest, guestJoins } = await roomWithLies();
  const joined = guestJoins();
  const told = [...room.state.values()].filter(({ pdu }) => pdu.state_key !== alice.userId);
  puppet.answers.set('state_ids', () => ({ pdu_ids: told.map((event) => event.eventId), auth_chain_ids: [] }));
  const authEvents = [room.eventOf('m.room.power_levels')?.eventId ?? '', joined.eventId];
  const content = { membership: 'ban' };
  await send(joined, room.add({ type: 'm.room.member', sender: creator, stateKey: guest, content }));
  const missed = room.message(creator, 'missed');
  const refused = room.add({ type: 'm.room.message', sender: guest, content: { body: 'banned' }, authEvents });
  await send(refused);
  expect(await admissionOf(refused.eventId)).toBe('soft_failed');
  await send(missed);
  const next = room.message(creator, 'on the branch whose state was told');
  expect(await send(next)).toEqual({ [next.eventId]: {} });
  expect(await alice.membership(room.roomId, alice.userId)).toBe('join');
});

test.each([
  [20, 'is no end of the graph where all of them agree with it'],
  [21, 'stays an end of the graph without being compared with them'],
])('A1.14 what arrives in place of %i told states %s', async (count, _title) => {
  const { room } = await roomWithLies();
  const state = [...room.state.values()];
  const missed = room.message(creator, 'missed');
  for (let n = 0; n < count; n++) {
    // The state that is told differs from one to the next, and each time it is a sound one.
    const topic = room.build({ type: 'm.room.topic', sender: creator, stateKey: '', content: { topic: `${n}` } });
    const told = [...state, room.know(topic.pdu)].map((event) => event.eventId);
    puppet.answers.set('state_ids', () => ({ pdu_ids: told, auth_chain_ids: [] }));
    const branch = { type: 'm.room.message', sender: creator, content: { body: `${n}` }, prevEvents: [missed.eventId] };
    const event = room.build(branch);
    expect(await send(event)).toEqual({ [event.eventId]: {} });
  }
  expect(await send(missed)).toEqual({ [missed.eventId]: {} });
  expect((await extremitiesOf(room)).includes(missed.eventId)).toBe(count > 20);
});

test('an outdated value that was told, where the rules prefer it, goes with the next change of it', async () => {
  const { room, alice } = await roomWithLies();
  const topic = (text: string, originServerTs?: number) => {
    const draft = { type: 'm.room.topic', sender: creator, stateKey: '', content: { topic: text } };
    return room.add(originServerTs === undefined ? draft : { ...draft, originServerTs });
  };
  const ids = () => [...room.state.values()].map((event) => event.eventId);
  const topicHere = async () => (await alice.roomOk('GET', room.roomId, 'state/m.room.topic/')).topic;
  // Of two values that are in conflict, the one that claims to be from later wins; its key has to be valid then.
  await send(topic('outdated', Date.now() + 3_600_000));
  const told = ids();
  await send(topic('current'));
  expect(await topicHere()).toBe('current');
  const missed = room.message(creator, 'missed');
  puppet.answers.set('state_ids', () => ({ pdu_ids: told, auth_chain_ids: [] }));
  await send(room.message(creator, 'stands on what was told'));
  await send(missed);
  expect(await topicHere()).toBe('outdated');
  await send(topic('next'));
  expect(await topicHere()).toBe('next');
  await send(room.message(creator, 'and it stays'));
  expect(await topicHere()).toBe('next');
});

test('events of a gap that a told state forbids wait as well', async () => {
  const { room, alice, guest, guestJoins } = await roomWithLies();
  const missed = guestJoins();
  const gap = [room.message(creator, 'stands on what was told'), room.message(guest, 'not to be suppressed')];
  puppet.answers.set('get_missing_events', () => ({ events: gap.map((event) => event.pdu) }));
  await send(room.message(creator, 'after the gap'));
  puppet.answers.set('get_missing_events', () => ({ events: [] }));
  await send(missed);
  expect(await alice.texts(room.roomId)).toContain('not to be suppressed');
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
