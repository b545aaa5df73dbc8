import { expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { writeOutage } from '../../server/src/storage/destinations.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { RawAnswer, startPuppetServer } from '../harness/puppet-server.ts';
import { testClock } from '../harness/test-clock.ts';

const clock = testClock(Date.now());
const alpha = await startHomeserver({ clock });
const puppet = await startPuppetServer();
const creator = puppet.user('creator');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
let names = 0;
let txns = 0;

async function send(events: readonly { pdu: unknown }[], serverName = alpha.serverName, from = puppet) {
  const body = { pdus: events.map((event) => event.pdu) };
  const answer = await from.call(serverName, 'PUT', `/v1/send/${txns++}`, body as never);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus as Record<string, { error?: string }>;
}

/** A room of the puppet's, of which it gives away nothing but what it sends. */
async function silentRoom(server = alpha) {
  const room = PuppetRoom.create(puppet);
  room.serve();
  const alice = await Person.register(server, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  const asked = { times: 0 };
  const silent = () => {
    asked.times += 1;
    return undefined;
  };
  puppet.answers.set('get_missing_events', silent);
  for (const call of ['event_auth', 'state_ids', 'state', 'event']) puppet.answers.set(call, () => undefined);
  return { room, alice, asked, says: (text: string) => room.message(creator, text) };
}

async function waitingIn(databaseUrl = alpha.databaseUrl): Promise<number> {
  const db = openDatabase({ connection: databaseUrl, poolSize: 1 });
  const [row] = await db.query<{ count: number }>('SELECT count(*)::integer AS count FROM waiting_pdus');
  await db.close();
  return row?.count ?? 0;
}

/** How often each of the events that wait in a room has been looked at again. */
async function triesIn(room: PuppetRoom): Promise<number[]> {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const rows = await db.query<{ tries: number }>(
    'SELECT tries FROM waiting_pdus w JOIN rooms r ON r.nid = w.room_nid WHERE r.room_id = $1 ORDER BY tries',
    [room.roomId],
  );
  await db.close();
  return rows.map(({ tries }) => tries);
}

/** Lets go of all that waits, so that nothing is looked for but what a test brings. */
async function forgetWaiting(): Promise<void> {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  await db.query('DELETE FROM waiting_pdus');
  await db.close();
}

test('events that were refused because of what was missing are taken in when that arrives', async () => {
  const { room, alice, says } = await silentRoom();
  const [first, second, third] = [says('first'), says('second'), says('third')];
  for (const early of [third, second]) expect((await send([early]))[early.eventId]?.error).toBeTypeOf('string');
  expect(await waitingIn()).toBe(2);
  expect(await send([first])).toEqual({ [first.eventId]: {} });
  expect(await alice.texts(room.roomId)).toEqual(['first', 'second', 'third']);
  expect(await waitingIn()).toBe(0);
});

test('they wait across a restart of the server, also where it cuts their last look short', async () => {
  const before = await startHomeserver();
  const { room, alice, says } = await silentRoom(before);
  const [first, second] = [says('first'), says('second')];
  await send([second], before.serverName);
  const isAsked = new Promise<void>((resolve) => {
    puppet.answers.set('get_missing_events', () => new RawAnswer(() => resolve()));
  });
  const db = openDatabase({ connection: before.databaseUrl, poolSize: 1 });
  await db.query('UPDATE waiting_pdus SET tries = 4, next_try_ts = 0');
  await db.close();
  await isAsked;
  await before.stop();
  const { databaseUrl, federationPort } = before;
  const after = await startHomeserver({ databaseUrl, federationPort });
  await send([first], after.serverName);
  expect(await alice.at(after).texts(room.roomId)).toEqual(['first', 'second']);
});

test('what could not be had is looked for again when it is time, though nothing happens in the room', async () => {
  const { room, alice, says } = await silentRoom();
  const [, last] = [says('missed'), says('last')];
  expect((await send([last]))[last.eventId]?.error).toBeTypeOf('string');
  room.serve();
  clock.advance(MINUTE);
  await expect.poll(() => alice.texts(room.roomId), { timeout: 30_000 }).toEqual(['missed', 'last']);
  await expect.poll(() => waitingIn()).toBe(0);
});

test('A1.12 an event that a told state forbids is accepted when the events arrive that the state stood in for', async () => {
  const { room, alice, says } = await silentRoom();
  const [missed, victim] = [says('missed'), says('not to be suppressed')];
  puppet.answers.set('get_missing_events', () => ({ events: [] }));
  const only = ['m.room.create', 'm.room.power_levels'].map((type) => room.eventOf(type)?.eventId);
  puppet.answers.set('state_ids', () => ({ pdu_ids: only, auth_chain_ids: [] }));
  expect((await send([victim]))[victim.eventId]?.error).toContain('state before');
  await send([missed]);
  expect(await alice.texts(room.roomId)).toEqual(['missed', 'not to be suppressed']);
  expect(await waitingIn()).toBe(0);
});

test('one that waited and is forbidden by what has arrived is not waited for any longer', async () => {
  const { room, alice } = await silentRoom();
  const guest = puppet.user(`guest${names++}`);
  const member = (membership: string, sender: string) =>
    room.add({ type: 'm.room.member', sender, stateKey: guest, content: { membership } });
  const [join, ban] = [member('join', guest), member('ban', creator)];
  const authEvents = ['m.room.power_levels'].map((type) => room.eventOf(type)?.eventId ?? '').concat(join.eventId);
  const draft = { type: 'm.room.message', sender: guest, content: { body: 'too late' }, authEvents };
  const late = room.build({ ...draft, prevEvents: [ban.eventId] });
  await send([late]);
  expect(await waitingIn()).toBe(1);
  await send([join, ban]);
  expect(await alice.texts(room.roomId)).toEqual([]);
  expect(await waitingIn()).toBe(0);
});

test('A4.1 one that a server brought which is shut out meanwhile is not taken in, whoever brings what it waited for', async () => {
  const { room, alice, says } = await silentRoom();
  const prevEvents = [...room.latest];
  const [first, second] = [says('first'), says('second')];
  await send([second], alpha.serverName, await startPuppetServer('127.0.0.1'));
  expect(await waitingIn()).toBe(1);
  const content = { allow: ['*'], deny: ['127.0.0.1'] };
  await send([room.build({ type: 'm.room.server_acl', sender: creator, stateKey: '', content, prevEvents })]);
  expect(await send([first])).toEqual({ [first.eventId]: {} });
  expect(await alice.texts(room.roomId)).toEqual(['first']);
  expect(await waitingIn()).toBe(0);
});

test('their server is asked again when it brings something else, five times, at growing intervals', async () => {
  const { asked, room, says } = await silentRoom();
  const forked = [...room.latest];
  says('kept back');
  const stuck = says('stuck');
  const other = (body: string) =>
    room.build({ type: 'm.room.message', sender: creator, content: { body }, prevEvents: forked });
  await send([stuck]);
  expect(asked.times).toBe(1);
  for (const minutes of [1, 4, 16, 64, 256]) {
    clock.advance(minutes * MINUTE - 1);
    await send([other(`a moment before ${minutes} minutes`)]);
    const before = asked.times;
    clock.advance(1);
    await send([other(`after ${minutes} minutes`)]);
    expect(asked.times, `${minutes}`).toBe(before + 1);
  }
  expect(await waitingIn()).toBe(0);
});

for (const [how, answer] of [
  ['lets a proxy say that it is away', new RawAnswer((_request, response) => response.writeHead(504).end())],
  ['breaks off', new RawAnswer((request) => request.socket.destroy())],
] as const)
  test(`the fifth time the state stands in for what was missed, where its server always ${how} when asked for that`, async () => {
    const { room, alice, says } = await silentRoom();
    room.serve();
    puppet.answers.set('get_missing_events', () => answer);
    const forked = [...room.latest];
    room.add({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'New name' } });
    const stuck = says('stuck');
    const next = says('next');
    expect((await send([stuck]))[stuck.eventId]?.error).toContain('cannot be had');
    clock.advance(MINUTE / 2);
    expect((await send([next]))[next.eventId]?.error).toContain('cannot be had');
    for (const [tries, minutes] of [1, 4, 16, 64, 256].entries()) {
      expect(await alice.texts(room.roomId), `${tries}`).toEqual(Array(tries).fill('else'));
      clock.advance(minutes * MINUTE);
      const content = { body: 'else', number: tries };
      await send([room.build({ type: 'm.room.message', sender: creator, content, prevEvents: forked })]);
    }
    expect(await alice.texts(room.roomId)).toEqual([...Array(5).fill('else'), 'stuck', 'next']);
    expect((await alice.roomOk('GET', room.roomId, 'state/m.room.name/')).name).toBe('New name');
    expect(await waitingIn()).toBe(0);
  });

test('a look at which their server could not be asked does not count: while one answers badly, others are not looked for', async () => {
  const { room, alice, asked, says } = await silentRoom();
  const forked = [...room.latest];
  const elsewhere = (body: string, prevEvents = forked) =>
    room.know(room.build({ type: 'm.room.message', sender: creator, content: { body }, prevEvents }).pdu);
  says('kept back');
  const stuck = [says('first'), elsewhere('second', ['$nowhere'])];
  for (const event of stuck) await send([event]);
  expect(asked.times).toBe(2);
  puppet.answers.set('get_missing_events', () => {
    asked.times += 1;
    return new RawAnswer((_request, response) => response.writeHead(502).end());
  });
  clock.advance(MINUTE);
  await send([elsewhere('else')]);
  expect(asked.times).toBe(3);
  expect(await triesIn(room)).toEqual([0, 1]);
  clock.advance(MINUTE);
  await send([elsewhere('else again')]);
  expect(asked.times).toBe(4);
  expect(await triesIn(room)).toEqual([1, 1]);
  expect(await alice.texts(room.roomId)).toEqual(['else', 'else again']);
  await forgetWaiting();
});

test('a fifth look at which it could not be asked is not the last, and the state is not asked for either', async () => {
  const { room, alice, says } = await silentRoom();
  room.serve();
  puppet.answers.set('get_missing_events', () => new RawAnswer((request) => request.socket.destroy()));
  const forked = [...room.latest];
  const brings = (body: string) =>
    send([room.build({ type: 'm.room.message', sender: creator, content: { body }, prevEvents: forked })]);
  says('kept back');
  await send([says('stuck')]);
  for (const minutes of [1, 4, 16, 64]) {
    clock.advance(minutes * MINUTE);
    await brings(`after ${minutes} minutes`);
  }
  clock.advance(256 * MINUTE - 1);
  await brings('a moment before');
  const outage = { failingSince: clock.now() - 30 * DAY, retryAt: clock.now() + HOUR };
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  await writeOutage(db, puppet.serverName, outage);
  await db.close();
  // It was heard a moment ago, which is not noted again.
  clock.advance(1);
  await brings('after 256 minutes');
  expect(await triesIn(room)).toEqual([4]);
  clock.advance(HOUR);
  await brings('when it may be asked');
  expect((await alice.texts(room.roomId)).at(-1)).toBe('stuck');
});

test('of too many that one server brings the oldest are given up', async () => {
  const { says } = await silentRoom();
  says('kept back');
  for (let n = 0; n < 3; n++) await send(Array.from({ length: 20 }, (_, i) => says(`${n} ${i}`)));
  expect(await waitingIn()).toBe(50);
});

test('A1.14 a gap without an end costs twenty requests at most, and then its server is not asked for a while', async () => {
  await forgetWaiting();
  const { room } = await silentRoom();
  room.serve();
  for (const call of ['state_ids', 'state']) puppet.answers.delete(call);
  const forked = [...room.latest];
  room.latest = ['$nowhere'];
  for (let n = 0; n < 1_000; n++) room.message(creator, `${n}`);
  const ends = Array.from({ length: 6 }, (_, n) =>
    room.know(room.build({ type: 'm.room.message', sender: creator, content: { body: `end ${n}` } }).pdu),
  );
  // What alpha sends by itself has nothing to do with it.
  const requests = () => puppet.calls.filter((call) => call !== 'send').length;
  const requestsFor = async (event: { pdu: unknown } | undefined, afterMs = 0) => {
    const before = requests();
    // What waits and is due now is looked for as well: whichever is first, the other is not looked for.
    clock.advance(afterMs);
    if (event !== undefined) await send([event]);
    return requests() - before;
  };
  const first = await requestsFor(ends[0]);
  expect(first).toBeGreaterThan(5);
  expect(first).toBeLessThanOrEqual(20);
  expect(await requestsFor(ends[1], MINUTE - 1)).toBe(0);
  // What does not have to be looked for is taken in as ever.
  const near = room.build({ type: 'm.room.message', sender: creator, prevEvents: forked });
  expect(await send([near])).toEqual({ [near.eventId]: {} });
  const second = await requestsFor(ends[2], 1);
  expect(second).toBeGreaterThan(5);
  expect(second).toBeLessThanOrEqual(20);
  // A look at which it was not asked does not count.
  const looked = await triesIn(room);
  clock.advance(MINUTE);
  await send([room.build({ type: 'm.room.message', sender: creator, prevEvents: [near.eventId] })]);
  expect(await triesIn(room)).toEqual(looked);
  // Now it is for two minutes. Once it has helped to close a gap it is for one again.
  await forgetWaiting();
  clock.advance(MINUTE);
  const missed = room.know(
    room.build({ type: 'm.room.message', sender: creator, content: { body: 'missed' }, prevEvents: forked }).pdu,
  );
  const after = room.build({ type: 'm.room.message', sender: creator, prevEvents: [missed.eventId] });
  expect(await send([room.know(after.pdu)])).toEqual({ [after.eventId]: {} });
  expect(await requestsFor(ends[3])).toBeGreaterThan(5);
  expect(await requestsFor(ends[4], MINUTE - 1)).toBe(0);
  expect(await requestsFor(ends[5], 1)).toBeGreaterThan(5);
});

test('an event whose server cannot be asked at all waits for a week, and is not looked at meanwhile', async () => {
  await forgetWaiting();
  const { room, asked, says } = await silentRoom();
  says('kept back');
  await send([says('stuck')]);
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const away = async () => {
    const failingSince = clock.now() - 30 * DAY;
    await writeOutage(db, puppet.serverName, { failingSince, retryAt: clock.now() + HOUR });
    const [waiting] = await db.query<{ next: number }>('SELECT next_try_ts AS next FROM waiting_pdus');
    return waiting?.next;
  };
  await away();
  clock.advance(MINUTE);
  await expect.poll(away).toBe(clock.now() + HOUR);
  expect(await triesIn(room)).toEqual([0]);
  clock.advance(7 * DAY - MINUTE);
  await away();
  await expect.poll(() => triesIn(room)).toEqual([]);
  expect(asked.times).toBe(1);
  await db.close();
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
