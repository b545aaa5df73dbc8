import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../server/src/protocol/canonical-json.ts';
import { authEventIds } from '../../server/src/protocol/event.ts';
import { signJson } from '../../server/src/protocol/signing.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const rogue = await startPuppetServer();
let names = 0;
let txns = 0;

const pdusOf = (events: readonly { pdu: unknown }[]) => events.map((event) => event.pdu);

async function transact(body: unknown, options: { from?: typeof puppet; txnId?: string } = {}) {
  const { from = puppet, txnId = `t${txns++}` } = options;
  return await from.call(alpha.serverName, 'PUT', `/v1/send/${txnId}`, body as never);
}

async function send(events: readonly { pdu: unknown }[], from = puppet) {
  const answer = await transact({ pdus: pdusOf(events) }, { from });
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus as Record<string, { error?: string }>;
}

/** A room of alpha's with alice, and a puppet's user in it. */
async function sharedRoom(options: Record<string, unknown> = {}) {
  const alice = await Person.register(alpha, `alice${names++}`);
  const roomId = await alice.createRoom(options);
  const userId = puppet.user(`guest${names++}`);
  const room = await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  room.serve();
  return { alice, roomId, userId, room };
}

describe('the envelope', () => {
  test('a transaction is not acknowledged while there is no space to store it, and is taken in when it is repeated', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const events = [room.message(userId, 'first'), room.message(userId, 'second'), room.message(userId, 'third')];
    const database = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
    await database.query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE 'no space left on device' USING ERRCODE = 'disk_full'; END $$`);
    await database.query('CREATE TRIGGER full_disk BEFORE INSERT ON events EXECUTE FUNCTION full_disk()');
    const repeated = { txnId: 'full' };
    for (const some of [events.slice(0, 1), events]) {
      const { status, body } = await transact({ pdus: pdusOf(some) }, repeated);
      expect([status, body]).toMatchObject([503, { errcode: 'M_UNKNOWN' }]);
    }
    expect(await alice.room('PUT', roomId, 'send/m.room.message/full', { body: 'no' })).toMatchObject({ status: 503 });
    await database.query('DROP TRIGGER full_disk ON events');
    await database.close();
    const { body: taken } = await transact({ pdus: pdusOf(events) }, repeated);
    expect(taken.pdus).toEqual(Object.fromEntries(events.map(({ eventId }) => [eventId, {}])));
    expect(await alice.texts(roomId)).toEqual(['first', 'second', 'third']);
  });

  test('answers for each event by itself', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const good = room.message(userId, 'fine');
    expect(await send([good])).toEqual({ [good.eventId]: {} });
    expect(await alice.texts(roomId)).toEqual(['fine']);
  });

  test('A1.6 bad events among forty spoil no other', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const events = Array.from({ length: 40 }, (_, i) => room.message(userId, `message ${i}`));
    const bad = room.build({ type: 'm.room.message', sender: userId, content: { body: 'changed' } });
    const pdus = pdusOf(events).map((pdu) => canonicalJson(pdu as never));
    const badText = canonicalJson(bad.pdu);
    pdus.splice(5, 0, badText.replace(/"depth":\d+/, '"depth":1.5'));
    pdus.splice(10, 0, badText.replace('"body":"changed"', '"__proto__":{"polluted":true},"body":9007199254740993'));
    pdus.splice(
      15,
      0,
      '"no event"',
      'null',
      badText.replace(userId, 'somebody'),
      `${'['.repeat(500)}${']'.repeat(500)}`,
    );
    const path = `/v1/send/t${txns++}`;
    const answer = await puppet.callWithText(alpha.serverName, 'PUT', path, `{"edus":[],"pdus":[${pdus.join(',')}]}`);
    expect(answer.status, answer.text).toBe(200);
    for (const event of events) expect(answer.body.pdus[event.eventId]).toEqual({});
    expect(await alice.texts(roomId)).toEqual(events.map((_, i) => `message ${i}`));
  });

  test('A1.6 a repeated transaction is answered as before and changes nothing', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const good = room.message(userId, 'once');
    const bad = room.build({ type: 'm.room.name', sender: userId, stateKey: '', content: { name: 'Mine now' } });
    const body = { pdus: pdusOf([good, bad]) };
    const first = await transact(body, { txnId: 'again' });
    const second = await transact(body, { txnId: 'again' });
    expect(first.body.pdus[bad.eventId].error).toContain('requires 50');
    expect(second.text).toBe(first.text);
    const third = await transact(body, { txnId: 'under-another-id' });
    expect(third.body.pdus[good.eventId]).toEqual({});
    expect(await alice.texts(roomId)).toEqual(['once']);
  });

  test('A1.6 transactions of two servers may have the same id', async () => {
    const { room, roomId, userId, alice } = await sharedRoom();
    const [first, second] = [room.message(userId, 'first'), room.message(userId, 'second')];
    await transact({ pdus: pdusOf([first]) }, { txnId: 'shared' });
    const { body } = await transact({ pdus: pdusOf([second]) }, { txnId: 'shared', from: rogue });
    expect(body.pdus).toEqual({ [second.eventId]: {} });
    expect(await alice.texts(roomId)).toEqual(['first', 'second']);
  });

  test('A2.3 more than 50 events or 100 EDUs are refused', async () => {
    const tooMany = await transact({ pdus: Array.from({ length: 51 }, () => ({})) });
    expect(tooMany).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
    const edus = Array.from({ length: 101 }, () => ({ edu_type: 'm.presence', content: {} }));
    expect((await transact({ pdus: [], edus })).status).toBe(400);
    expect((await transact({ pdus: {} })).status).toBe(400);
    expect((await transact({ edus: [] })).status).toBe(400);
  });

  test('unknown kinds of EDUs are left alone, and so are malformed ones', async () => {
    const edus = [{ edu_type: 'org.example.new', content: {} }, { edu_type: 'm.presence' }, 17, null];
    expect(await transact({ pdus: [], edus })).toMatchObject({ status: 200, body: { pdus: {} } });
  });
});

describe('events', () => {
  test('A1.2 an event is accepted only with the signature of its sender’s server', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const event = room.build({ type: 'm.room.message', sender: userId, content: { body: 'forged' } });
    const unsigned = { ...event.pdu, signatures: {} };
    const bySomebodyElse = signJson(unsigned, rogue.serverName, rogue.key);
    expect((await send([{ pdu: unsigned }]))[event.eventId]?.error).toContain('signature');
    expect((await send([{ pdu: bySomebodyElse }]))[event.eventId]?.error).toContain('signature');
    const forged = new PuppetRoom(rogue, room.version);
    Object.assign(forged, { roomId: room.roomId, state: room.state, latest: room.latest, depth: room.depth });
    const asAlice = forged.build({ type: 'm.room.message', sender: alice.userId, content: { body: 'I am Alice' } });
    expect((await send([asAlice]))[asAlice.eventId]?.error).toContain(`signature of ${alpha.serverName}`);
    expect(await alice.texts(roomId)).toEqual([]);
  });

  test('content that does not fit its hash is redacted', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const event = room.message(userId, 'as it was signed');
    const changed = { ...event.pdu, content: { msgtype: 'm.text', body: 'changed on the way' } };
    expect(await send([{ pdu: changed }])).toEqual({ [event.eventId]: {} });
    const seen = (await alice.history(roomId)).find((one) => one.event_id === event.eventId);
    expect(seen?.content).toEqual({});
  });

  test('A1.19 events of rooms that nobody here is in are refused', async () => {
    const elsewhere = PuppetRoom.create(puppet);
    const event = elsewhere.message(puppet.user('creator'), 'none of your business');
    expect(await send([event])).toEqual({});
    const { room, userId, alice, roomId } = await sharedRoom();
    await alice.roomOk('POST', roomId, 'leave', {});
    // Side by side, so that none of them waits for another that has been refused.
    const late = ['anybody there?', 'nobody?', 'nobody'].map((body) =>
      room.build({ type: 'm.room.message', sender: userId, content: { body } }),
    );
    for (const events of [late.slice(0, 1), late.slice(1)]) {
      const results = await send(events);
      for (const { eventId } of events) expect(results[eventId]?.error).toBe('no user of this server is in the room');
    }
  });

  test('A1.9 an event whose auth events are of another room is refused', async () => {
    const { room, userId, alice, roomId } = await sharedRoom({ room_version: '11' });
    const other = PuppetRoom.create(puppet, '11', userId);
    other.serve();
    await alice.join(other.roomId, [puppet.serverName]);
    const foreign = [...other.state.values()].map((event) => event.eventId);
    const event = room.build({
      type: 'm.room.name',
      sender: userId,
      stateKey: '',
      content: { name: 'Taken over' },
      authEvents: foreign.slice(0, 3),
    });
    room.events.set(event.eventId, event);
    room.serve();
    expect((await send([event]))[event.eventId]?.error).toBeTypeOf('string');
    expect((await alice.room('GET', roomId, 'state/m.room.name/')).status).toBe(404);
  });

  test('A1.10 a rejected event is no part of the state, nor is what it would have allowed', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const grab = room.build({
      type: 'm.room.power_levels',
      sender: userId,
      stateKey: '',
      content: { users: { [userId]: 100 } },
    });
    const use = room.build({
      type: 'm.room.name',
      sender: userId,
      stateKey: '',
      content: { name: 'Taken over' },
      authEvents: [
        ...authEventIds(room.build({ type: 'm.room.name', sender: userId, stateKey: '' }).pdu).filter(
          (id) => id !== room.eventOf('m.room.power_levels')?.eventId,
        ),
        grab.eventId,
      ],
      prevEvents: [grab.eventId],
    });
    const results = await send([grab, use]);
    expect(results[grab.eventId]?.error).toBeTypeOf('string');
    expect(results[use.eventId]?.error).toContain('rejected');
    expect((await alice.room('GET', roomId, 'state/m.room.name/')).status).toBe(404);
    // The room goes on after a rejected event that somebody builds upon.
    const after = room.build({
      type: 'm.room.message',
      sender: userId,
      content: { body: 'goes on' },
      prevEvents: [grab.eventId],
    });
    expect(await send([after])).toEqual({ [after.eventId]: {} });
    await alice.say(roomId, 'still here');
    expect(await alice.texts(roomId)).toEqual(['goes on', 'still here']);
  });

  test('a join that crosses messages of our own is part of the state from then on', async () => {
    const { room, alice, roomId } = await sharedRoom();
    await alice.say(roomId, 'before you came');
    const second = puppet.user(`second${names++}`);
    const join = room.add({ type: 'm.room.member', sender: second, stateKey: second, content: { membership: 'join' } });
    expect(await send([join])).toEqual({ [join.eventId]: {} });
    expect(await alice.membership(roomId, second)).toBe('join');
    await alice.say(roomId, 'hello');
    const answer = room.message(second, 'hello yourself');
    expect(await send([answer])).toEqual({ [answer.eventId]: {} });
    expect(await alice.texts(roomId)).toEqual(['before you came', 'hello', 'hello yourself']);
  });

  test('A1.13 nobody joins or leaves for somebody else', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const other = puppet.user('other');
    for (const [stateKey, membership] of [
      [other, 'join'],
      [alice.userId, 'leave'],
    ] as const) {
      const event = room.build({ type: 'm.room.member', sender: userId, stateKey, content: { membership } });
      expect((await send([event]))[event.eventId]?.error).toBeTypeOf('string');
    }
    expect(await alice.membership(roomId)).toBe('join');
    expect(await alice.membership(roomId, other)).toBeUndefined();
  });

  test('A4.1 an ACL shuts out both the server that brings an event and the one that it is from', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const outcast = await startPuppetServer('127.0.0.1');
    const outcastId = outcast.user('outcast');
    const theirs = await PuppetRoom.join(outcast, alpha.serverName, roomId, outcastId);
    // Side by side, so that none of them waits for another that has been refused.
    const messages = Array.from({ length: 4 }, (_, i) =>
      theirs.build({ type: 'm.room.message', sender: outcastId, content: { body: `message ${i}` } }),
    );
    const own = ['of a server', 'that may'].map((body) => room.message(userId, body));
    await alice.setState(roomId, 'm.room.server_acl', { allow: ['*'], deny: ['127.0.0.1'] });
    // By itself, through a friend, several at once, and a friend's through it, one and several.
    const ways: [{ eventId: string; pdu: unknown }[], typeof puppet][] = [
      [messages.slice(0, 1), outcast],
      [messages.slice(1, 2), puppet],
      [messages.slice(2), puppet],
      [own.slice(0, 1), outcast],
      [own, outcast],
    ];
    for (const [events, from] of ways) {
      const results = await send(events, from);
      for (const event of events)
        expect(results[event.eventId]?.error).toBe(`${outcast.serverName} is not allowed in this room`);
    }
    expect(Object.values(await send(own))).toEqual([{}, {}]);
    expect(await alice.texts(roomId)).toEqual(['of a server', 'that may']);
  });

  test('a second create event changes nothing', async () => {
    const alice = await Person.register(alpha, `alice${names++}`);
    const room = PuppetRoom.create(puppet, '11');
    room.serve();
    await alice.join(room.roomId, [puppet.serverName]);
    const again = room.build({
      type: 'm.room.create',
      sender: puppet.user('creator'),
      stateKey: '',
      content: { room_version: '11', type: 'org.example.hijacked' },
      prevEvents: [],
    });
    expect((await send([again]))[again.eventId]?.error).toBe('the room has been created already');
    expect((await alice.roomOk('GET', room.roomId, 'state/m.room.create/')).type).toBeUndefined();
    await alice.say(room.roomId, 'still works');
  });
});

describe('bans and redactions', () => {
  test('what a banned user says on top of a state from before the ban is not shown, and nothing is built upon it', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const latest = [...room.latest];
    await alice.roomOk('POST', roomId, 'ban', { user_id: userId });
    const event = room.build({
      type: 'm.room.message',
      sender: userId,
      content: { body: 'evaded' },
      prevEvents: latest,
    });
    expect(await send([event])).toEqual({ [event.eventId]: {} });
    await alice.say(roomId, 'peace');
    expect(await alice.texts(roomId)).toEqual(['peace']);
    const context = await alice.room('GET', roomId, `event/${encodeURIComponent(event.eventId)}`);
    expect(context.status).toBe(404);
  });

  test('A1.13 a redaction counts for the sender’s own events, or by power, and never for the create event', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const own = room.message(userId, 'my own');
    await send([own]);
    const foreign = await alice.say(roomId, 'alice’s');
    const redact = (target: string) => {
      const event = room.add({ type: 'm.room.redaction', sender: userId, content: { redacts: target } });
      return event;
    };
    await send([redact(own.eventId), redact(foreign), redact(room.eventOf('m.room.create')?.eventId ?? '')]);
    const history = await alice.history(roomId);
    const contentOf = (id: string) => history.find((event) => event.event_id === id)?.content;
    expect(contentOf(own.eventId)).toEqual({});
    expect(contentOf(foreign)?.body).toBe('alice’s');
    expect((await alice.roomOk('GET', roomId, 'state/m.room.create/')).room_version).toBe('12');
  });

  test('a redaction that arrives before its target waits for it', async () => {
    const { room, userId, alice, roomId } = await sharedRoom();
    const target = room.build({ type: 'm.room.message', sender: userId, content: { body: 'soon gone' } });
    const redaction = room.build({
      type: 'm.room.redaction',
      sender: userId,
      content: { redacts: target.eventId },
    });
    await send([redaction]);
    await send([target]);
    expect(await alice.texts(roomId)).toEqual([]);
  });
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
