import { expect, test } from 'vitest';
import { supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { RawAnswer, startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
let names = 0;
let txns = 0;

async function send(...events: { pdu: unknown }[]) {
  const body = { pdus: events.map((event) => event.pdu), origin: puppet.serverName, origin_server_ts: 1 };
  const answer = await puppet.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, body as never);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus as Record<string, { error?: string }>;
}

async function admissionsOf(eventId: string): Promise<string[]> {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const rows = await db.query<{ admission: string }>('SELECT admission FROM events WHERE event_id = $1', [eventId]);
  await db.close();
  return rows.map(({ admission }) => admission);
}

async function personInPuppetRoom(version = '12') {
  const room = PuppetRoom.create(puppet, version);
  room.serve();
  const alice = await Person.register(alpha, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  return { room, alice, creator: puppet.user('creator') };
}

for (const version of supportedRoomVersions) {
  test(`in room version ${version} somebody joins a room of a foreign implementation and reads what is said there`, async () => {
    const { room, alice, creator } = await personInPuppetRoom(version);
    const hello = room.message(creator, 'hello');
    expect(await send(hello)).toEqual({ [hello.eventId]: {} });
    await alice.untilText(room.roomId, 'hello');
  });
}

test('events that were missed are fetched by get_missing_events, in as many rounds as it takes', async () => {
  const { room, alice, creator } = await personInPuppetRoom();
  for (let i = 0; i < 120; i++) room.message(creator, `missed ${i}`);
  const last = room.message(creator, 'here again');
  expect(await send(last)).toEqual({ [last.eventId]: {} });
  const texts = await alice.texts(room.roomId);
  expect(texts).toEqual([...Array.from({ length: 120 }, (_, i) => `missed ${i}`), 'here again']);
  expect(puppet.calls).not.toContain('state_ids');
});

test('where missed events cannot be had, the state before the event stands in for them', async () => {
  const { room, alice, creator } = await personInPuppetRoom();
  const lost = room.add({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'New name' } });
  room.message(creator, 'lost');
  puppet.answers.set('get_missing_events', () => ({ events: [] }));
  const last = room.message(creator, 'found');
  expect(await send(last)).toEqual({ [last.eventId]: {} });
  expect(await alice.texts(room.roomId)).toContain('found');
  expect((await alice.roomOk('GET', room.roomId, 'state/m.room.name/')).name).toBe('New name');
  expect((await alice.history(room.roomId)).map((event) => event.event_id)).toContain(lost.eventId);
});

test('A1.14 the states of three events of a gap are fetched at most, though more of them begin in the unknown', async () => {
  const { room, creator } = await personInPuppetRoom();
  const say = (body: string, prevEvents: readonly string[]) =>
    room.know(room.build({ type: 'm.room.message', sender: creator, content: { body }, prevEvents }).pdu);
  const gap = [1, 2, 3, 4, 5].map((n) => say(`${n}`, [`$nowhere${n}`]));
  for (const { eventId } of gap) room.statesBefore.set(eventId, new Map(room.state));
  puppet.answers.set('get_missing_events', () => ({ events: gap.map(({ pdu }) => pdu) }));
  const last = say(
    'last',
    gap.map(({ eventId }) => eventId),
  );
  puppet.calls.length = 0;
  expect((await send(last))[last.eventId]?.error).toBeTypeOf('string');
  // The fourth is for the event itself.
  expect(puppet.calls.filter((call) => call === 'state_ids')).toHaveLength(4);
});

test('A1.9 events of another room are no part of a state that a server tells', async () => {
  const other = await personInPuppetRoom();
  const { room, alice, creator } = await personInPuppetRoom();
  const content = { name: 'Of another room' };
  const foreign = other.room.add({ type: 'm.room.name', sender: creator, stateKey: '', content });
  expect(await send(foreign)).toEqual({ [foreign.eventId]: {} });
  room.message(creator, 'lost');
  puppet.answers.set('get_missing_events', () => ({ events: [] }));
  const ids = [...room.state.values(), foreign].map((event) => event.eventId);
  puppet.answers.set('state_ids', () => ({ pdu_ids: ids, auth_chain_ids: [] }));
  const last = room.message(creator, 'found');
  expect(await send(last)).toEqual({ [last.eventId]: {} });
  expect((await alice.room('GET', room.roomId, 'state/m.room.name/')).status).toBe(404);
});

test('A1.9 events of another room are no part of what is stored of one that somebody joins', async () => {
  const [room, other] = [PuppetRoom.create(puppet), PuppetRoom.create(puppet)];
  room.serve();
  const foreign = [...other.state.values()];
  const answerHonestly = puppet.answers.get('send_join');
  puppet.answers.set('send_join', async (request) => {
    const answer = (await answerHonestly?.(request)) as Record<'state' | 'auth_chain', unknown[]>;
    const pdus = foreign.map(({ pdu }) => pdu);
    return { ...answer, state: [...answer.state, ...pdus], auth_chain: [...answer.auth_chain, ...pdus] };
  });
  const alice = await Person.register(alpha, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  for (const { eventId } of foreign) expect(await admissionsOf(eventId)).toEqual([]);
});

test('A1.2 an answer that holds another event than the one that was asked for is ignored', async () => {
  const { room, alice, creator } = await personInPuppetRoom();
  const named = (name: string) =>
    room.know(room.build({ type: 'm.room.name', sender: creator, stateKey: '', content: { name } }).pdu);
  const [wanted, another] = [named('asked for'), named('told instead')];
  room.message(creator, 'lost');
  puppet.answers.set('get_missing_events', () => ({ events: [] }));
  const ids = [...room.state.values(), wanted].map((event) => event.eventId);
  puppet.answers.set('state_ids', () => ({ pdu_ids: ids, auth_chain_ids: [] }));
  puppet.answers.set('event', () => ({ pdus: [another.pdu], origin: puppet.serverName, origin_server_ts: 1 }));
  const last = room.message(creator, 'found');
  expect(await send(last)).toEqual({ [last.eventId]: {} });
  expect((await alice.room('GET', room.roomId, 'state/m.room.name/')).status).toBe(404);
  expect(await admissionsOf(another.eventId)).toEqual([]);
});

for (const [how, answer] of [
  ['refuses to tell', undefined],
  ['answers nonsense instead of', { events: 'all of them' }],
  ['breaks off while telling', new RawAnswer((_request, response) => response.writeHead(200).destroy())],
] as const)
  test(`the state before an event is asked of a server that ${how} what was missed`, async () => {
    const { room, alice, creator } = await personInPuppetRoom();
    room.add({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'New name' } });
    room.message(creator, 'lost');
    // Who broke off is not asked again at once, and would not be asked for the state either if it always did.
    let asked = 0;
    puppet.answers.set('get_missing_events', () => (asked++ === 0 ? answer : undefined));
    const last = room.message(creator, 'found');
    await expect.poll(() => send(last)).toEqual({ [last.eventId]: {} });
    expect(await alice.texts(room.roomId)).toContain('found');
    expect((await alice.roomOk('GET', room.roomId, 'state/m.room.name/')).name).toBe('New name');
  });

test('what was missed is told to clients in its order, though its server had no time to be asked for it at first', async () => {
  const { room, alice, creator } = await personInPuppetRoom();
  const honest = puppet.answers.get('get_missing_events') ?? (() => undefined);
  const isBusy = new RawAnswer((_request, response) => response.writeHead(429).end());
  puppet.answers.set('get_missing_events', () => isBusy);
  const { next_batch: since } = await alice.ok('GET', '/sync?timeout=0');
  const missed = room.message(creator, 'missed');
  const last = room.message(creator, 'here again');
  expect((await send(last))[last.eventId]?.error).toContain('cannot be had');
  puppet.answers.set('get_missing_events', honest);
  const next = room.message(creator, 'and on');
  await expect.poll(() => send(next), { timeout: 20_000 }).toEqual({ [next.eventId]: {} });
  const { rooms } = await alice.ok('GET', `/sync?timeout=0&since=${since}`);
  const told = rooms.join[room.roomId].timeline.events.map((event: { event_id: string }) => event.event_id);
  expect(told).toEqual([missed, last, next].map(({ eventId }) => eventId));
});

test('what was said before the join is no news, also where something said during the join builds on it', async () => {
  const room = PuppetRoom.create(puppet);
  room.serve();
  const creator = puppet.user('creator');
  for (let i = 0; i < 10; i++) room.message(creator, `old ${i}`);
  const before = [...room.latest];
  const alice = await Person.register(alpha, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  const { next_batch: since } = await alice.ok('GET', '/sync?timeout=0');
  const during = room.build({
    type: 'm.room.message',
    sender: creator,
    content: { body: 'during' },
    prevEvents: before,
  });
  room.statesBefore.set(during.eventId, new Map(room.statesBefore.get(room.latest[0] as never)));
  room.know(during.pdu);
  room.latest = [...room.latest, during.eventId];
  const last = room.message(creator, 'last');
  expect(await send(last)).toEqual({ [last.eventId]: {} });
  const { rooms } = await alice.ok('GET', `/sync?timeout=0&since=${since}`);
  const told = rooms.join[room.roomId].timeline.events.map((event: { event_id: string }) => event.event_id);
  expect(told).toEqual([during.eventId, last.eventId]);
  const old = Array.from({ length: 10 }, (_, i) => `old ${i}`);
  expect(await alice.texts(room.roomId)).toEqual([...old, 'during', 'last']);
});

test('history from before the join is fetched while scrolling back', async () => {
  const room = PuppetRoom.create(puppet);
  room.serve();
  const creator = puppet.user('creator');
  for (let i = 0; i < 60; i++) room.message(creator, `old ${i}`);
  const alice = await Person.register(alpha, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  expect(await alice.texts(room.roomId)).toEqual(Array.from({ length: 60 }, (_, i) => `old ${i}`));
  const history = await alice.history(room.roomId);
  expect(history[0]?.type).toBe('m.room.create');
});

test('history that nobody can be asked for at present is not taken for the beginning of the room', async () => {
  const { room, alice } = await personInPuppetRoom();
  puppet.isUp = false;
  const first = await alice.roomOk('GET', room.roomId, 'messages?dir=b&limit=100');
  expect(first.chunk.length).toBeGreaterThan(0);
  const next = `messages?dir=b&limit=100&from=${encodeURIComponent(first.end)}`;
  expect(await alice.room('GET', room.roomId, next)).toMatchObject({ status: 502, body: { errcode: 'M_UNKNOWN' } });
  puppet.isUp = true;
  // A server that was away is not asked again at once.
  await expect.poll(async () => (await alice.room('GET', room.roomId, next)).status).toBe(200);
  const history = await alice.history(room.roomId);
  expect(history[0]?.type).toBe('m.room.create');
});

test('history that the only other server will not give ends where it begins for us', async () => {
  const { room, alice } = await personInPuppetRoom();
  puppet.answers.delete('backfill');
  const page = await alice.roomOk('GET', room.roomId, 'messages?dir=b&limit=100');
  expect(page.end).toBeUndefined();
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
