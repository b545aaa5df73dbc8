/** What only room versions before 6 allow: events whose ids servers choose, pairs of ids and hashes, numbers of any form. */
import { describe, expect, test } from 'vitest';
import type { EventId, Pdu } from '../../server/src/protocol/event.ts';
import { contentHash, eventIdOf } from '../../server/src/protocol/event-hashes.ts';
import { cosignEvent } from '../../server/src/protocol/event-signing.ts';
import { type JsonObject, NonCanonicalToken } from '../../server/src/protocol/json.ts';
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

const number = (source: string) => new NonCanonicalToken('number', source);

async function personInPuppetRoom(version: string) {
  const room = PuppetRoom.create(puppet, version);
  room.serve();
  const alice = await Person.register(alpha, `alice${names++}`);
  await alice.join(room.roomId, [puppet.serverName]);
  return { room, alice };
}

/** Sends events to the homeserver. @returns why each was refused, if it was */
async function send(...pdus: Pdu[]): Promise<Record<string, { error?: string }>> {
  const body = { pdus, origin: puppet.serverName, origin_server_ts: 1 };
  const answer = await puppet.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, body as never);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus;
}

/** A message whose keys are set by the test, hashed and signed as it then is. */
function crafted(room: PuppetRoom, changes: JsonObject, body = 'hello'): Pdu {
  const { hashes: _, signatures: __, ...rest } = room.message(creator, body).pdu;
  const changed = { ...rest, ...changes };
  const hashed = { ...changed, hashes: { sha256: contentHash(changed) }, signatures: {} } as unknown as Pdu;
  return cosignEvent(hashed, room.version, puppet.serverName, puppet.key);
}

async function asPeerSeesIt(eventId: string): Promise<string> {
  const answer = await puppet.call(alpha.serverName, 'GET', `/v1/event/${encodeURIComponent(eventId)}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.text;
}

describe.each(['1', '2'])('room version %s, where servers choose the ids of events', (version) => {
  test('an event of ours names its server in its id, and others by id and hash', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const eventId = await alice.say(room.roomId, 'hello');
    expect(eventId).toMatch(new RegExp(`^\\$[A-Za-z0-9_-]{43}:${alpha.serverName}$`));
    const pdu = JSON.parse(await asPeerSeesIt(eventId)).pdus[0];
    expect(pdu.event_id).toBe(eventId);
    for (const reference of [...pdu.prev_events, ...pdu.auth_events])
      expect(reference).toEqual([expect.stringMatching(/^\$.+:/), { sha256: expect.stringMatching(/^[^=]{43}$/) }]);
  });

  test('A1.2 an id that is not of the servers that signed, or of no server, is refused', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const hash = 'x'.repeat(43);
    for (const eventId of [`$stolen:${alpha.serverName}`, '$of:nobody.invalid', `$${hash}`, '$', 7]) {
      const answer = await send(crafted(room, { event_id: eventId }, 'forged'));
      for (const { error } of Object.values(answer)) expect(error).toBeDefined();
    }
    expect(await alice.texts(room.roomId)).not.toContain('forged');
  });

  test('A1.2 of two events with one id, the one that came first keeps it', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const other = await personInPuppetRoom(version);
    const first = room.message(creator, 'first');
    expect(await send(first.pdu)).toEqual({ [first.eventId]: {} });
    const again = crafted(room, { event_id: first.eventId }, 'second');
    expect((await send(again))[first.eventId]?.error).toMatch(/another event/);
    const elsewhere = crafted(other.room, { event_id: first.eventId }, 'elsewhere');
    expect((await send(elsewhere))[first.eventId]?.error).toMatch(/another event/);
    // The same event again is no other event.
    expect(await send(first.pdu)).toEqual({ [first.eventId]: {} });
    expect(await alice.texts(room.roomId)).toEqual(['first']);
    expect(await other.alice.texts(other.room.roomId)).toEqual([]);
  });

  test('A1.2 an id that comes in two rooms at once ends up in one of them', async () => {
    const [one, other] = [await personInPuppetRoom(version), await personInPuppetRoom(version)];
    for (let i = 0; i < 10; i++) {
      const first = one.room.message(creator, `first ${i}`);
      const second = crafted(other.room, { event_id: first.eventId }, `second ${i}`);
      await Promise.all([send(first.pdu), send(second)]);
      const texts = [await one.alice.texts(one.room.roomId), await other.alice.texts(other.room.roomId)].flat();
      expect(texts.filter((text) => text === `first ${i}` || text === `second ${i}`)).toHaveLength(1);
      // Whoever lost goes on from what the room has.
      const room = texts.includes(`first ${i}`) ? other.room : one.room;
      room.latest = [...(room.events.get(room.latest[0] as EventId)?.pdu.prev_events ?? [])].flatMap((reference) =>
        typeof reference === 'string' ? reference : reference[0],
      );
    }
  });

  test('A1.2 a state that holds such an event is taken without it', async () => {
    const { room } = await personInPuppetRoom(version);
    const taken = room.add({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'Taken' } });
    expect(await send(taken.pdu)).toEqual({ [taken.eventId]: {} });
    const second = PuppetRoom.create(puppet, version);
    const { pdu } = second.add({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'Second' } });
    const { hashes: _, signatures: __, ...rest } = { ...pdu, event_id: taken.eventId };
    const hashed = { ...rest, hashes: { sha256: contentHash(rest) }, signatures: {} } as unknown as Pdu;
    second.apply(second.know(cosignEvent(hashed, second.version, puppet.serverName, puppet.key)));
    second.serve();
    const alice = await Person.register(alpha, `alice${names++}`);
    await alice.join(second.roomId, [puppet.serverName]);
    expect((await alice.room('GET', second.roomId, 'state/m.room.name/')).status).toBe(404);
    expect((await alice.roomOk('GET', second.roomId, 'state/m.room.join_rules/')).join_rule).toBe('public');
  });

  test('rule 11 a user may redact what users of the same server wrote, and nobody else without the power to', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const guest = puppet.user('guest');
    room.add({ type: 'm.room.member', sender: guest, stateKey: guest, content: { membership: 'join' } });
    const mine = await alice.say(room.roomId, 'of alpha');
    const theirs = room.message(creator, 'of the puppet');
    const bad = room.build({ type: 'm.room.redaction', sender: guest, redacts: mine });
    const good = room.add({ type: 'm.room.redaction', sender: guest, redacts: theirs.eventId });
    const results = await send(theirs.pdu, bad.pdu, good.pdu);
    expect(results[bad.eventId]?.error).toMatch(/redact/);
    expect(results[good.eventId]).toEqual({});
    await alice.until(async () => !(await alice.texts(room.roomId)).includes('of the puppet'), 'the redaction');
    expect(await alice.texts(room.roomId)).toContain('of alpha');
  });
});

const odd = { f: number('1.0'), e: number('1e2'), big: number('9007199254740993'), zero: number('-0') };
const written = '"big":9007199254740993,"body":"odd","e":1e2,"f":1.0,"msgtype":"m.text","zero":-0';

describe.each(['1', '3', '5'])('room version %s, where numbers have any form', (version) => {
  test('A1.5 an event with such numbers keeps them as they were sent, to servers and to clients', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const pdu = crafted(room, { content: { msgtype: 'm.text', body: 'odd', ...odd } });
    const eventId = eventIdOf(pdu, room.version);
    expect(await send(pdu)).toEqual({ [eventId]: {} });
    await alice.untilText(room.roomId, 'odd');
    expect(await asPeerSeesIt(eventId)).toContain(`{${written}}`);
    const path = `/client/v3/rooms/${encodeURIComponent(room.roomId)}/event/${encodeURIComponent(eventId)}`;
    expect(await (await alice.fetch(path)).text()).toContain(`{${written}}`);
  });

  test('state with such numbers is told to servers that join', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const pdu = crafted(room, { type: 'org.example.odd', state_key: '', content: odd });
    expect(Object.values(await send(pdu))).toEqual([{}]);
    await alice.until(
      async () => (await alice.room('GET', room.roomId, 'state/org.example.odd/')).status === 200,
      'it',
    );
    const userId = puppet.user('late');
    const joined = await PuppetRoom.join(puppet, alpha.serverName, room.roomId, userId);
    expect(joined.eventOf('org.example.odd')?.pdu.content).toBeDefined();
  });

  test('an event of a client with such numbers is sent in the one form that all servers write', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const transactions: string[] = [];
    puppet.answers.set('send', ({ body: { pdus } }) => {
      transactions.push(JSON.stringify(pdus));
      return { pdus: {} };
    });
    const path = `/client/v3/rooms/${encodeURIComponent(room.roomId)}/send/org.example.odd/t`;
    const body = '{"a":1.0,"b":1e2,"c":0.00001,"d":9007199254740993,"e":1.50,"f":-0}';
    const headers = { 'content-type': 'application/json' };
    const sent = await alice.fetch(path, { method: 'PUT', headers, body });
    expect(sent.status).toBe(200);
    const { event_id: eventId } = (await sent.json()) as { event_id: string };
    await alice.until(async () => transactions.some((text) => text.includes('"c":0.00001')), 'the transaction');
    expect(await asPeerSeesIt(eventId)).toContain('{"a":1,"b":100,"c":1e-05,"d":9007199254740993,"e":1.5,"f":0}');
  });

  test('a room at the greatest depth stays there', async () => {
    const { room, alice } = await personInPuppetRoom(version);
    const pdu = crafted(room, { depth: number('9223372036854775807') });
    expect(Object.values(await send(pdu))).toEqual([{}]);
    const eventId = await alice.say(room.roomId, 'deep');
    expect(await asPeerSeesIt(eventId)).toContain('"depth":9223372036854775807,');
    for (const depth of ['9223372036854775808', '1.5', '-1', '1e3'])
      for (const result of Object.values(await send(crafted(room, { depth: number(depth) }))))
        expect(result.error, depth).toBeDefined();
  });
});

test.each(['6', '12'])(
  'A1.5 room version %s refuses an event with such numbers, and one of a client',
  async (version) => {
    const { room, alice } = await personInPuppetRoom(version);
    await send(crafted(room, { content: { msgtype: 'm.text', body: 'odd', ...odd } }));
    expect(await alice.texts(room.roomId)).toEqual([]);
    const path = `/client/v3/rooms/${encodeURIComponent(room.roomId)}/send/org.example.odd/t`;
    const headers = { 'content-type': 'application/json' };
    const sent = await alice.fetch(path, { method: 'PUT', headers, body: '{"a":1.5}' });
    expect([sent.status, await sent.json()]).toMatchObject([400, { errcode: 'M_BAD_JSON' }]);
  },
);

test('in room version 3 an id may hold a slash, and is found by it', async () => {
  const { room, alice } = await personInPuppetRoom('3');
  let eventId: EventId = '$';
  for (let i = 0; !eventId.includes('/'); i++) eventId = (await alice.say(room.roomId, `try ${i}`)) as EventId;
  expect(await asPeerSeesIt(eventId)).toContain('try ');
  expect((await alice.roomOk('GET', room.roomId, `event/${encodeURIComponent(eventId)}`)).event_id).toBe(eventId);
  await alice.redact(room.roomId, eventId);
  expect((await alice.roomOk('GET', room.roomId, `event/${encodeURIComponent(eventId)}`)).content).toEqual({});
});

test('after all of this the database is sound', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
