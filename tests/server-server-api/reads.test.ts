import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const escaped = encodeURIComponent;

type Call = readonly [method: 'GET' | 'POST', path: string, body?: object];

/** Every call that reads rooms, asked about a room and an event. Those without an event id say nothing of single events. */
const READS: Readonly<Record<string, (roomId: string, eventId: string) => Call>> = {
  'GET /_matrix/federation/v1/event/{eventId}': (_, eventId) => ['GET', `/v1/event/${escaped(eventId)}`],
  'GET /_matrix/federation/v1/state/{roomId}': (roomId, eventId) => [
    'GET',
    `/v1/state/${escaped(roomId)}?event_id=${escaped(eventId)}`,
  ],
  'GET /_matrix/federation/v1/state_ids/{roomId}': (roomId, eventId) => [
    'GET',
    `/v1/state_ids/${escaped(roomId)}?event_id=${escaped(eventId)}`,
  ],
  'GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}': (roomId, eventId) => [
    'GET',
    `/v1/event_auth/${escaped(roomId)}/${escaped(eventId)}`,
  ],
  'GET /_matrix/federation/v1/backfill/{roomId}': (roomId, eventId) => [
    'GET',
    `/v1/backfill/${escaped(roomId)}?v=${escaped(eventId)}&limit=10`,
  ],
  'POST /_matrix/federation/v1/get_missing_events/{roomId}': (roomId, eventId) => [
    'POST',
    `/v1/get_missing_events/${escaped(roomId)}`,
    { earliest_events: [], latest_events: [eventId], limit: 10 },
  ],
  'GET /_matrix/federation/v1/timestamp_to_event/{roomId}': (roomId) => [
    'GET',
    `/v1/timestamp_to_event/${escaped(roomId)}?ts=0&dir=f`,
  ],
  'GET /_matrix/federation/v1/hierarchy/{roomId}': (roomId) => ['GET', `/v1/hierarchy/${escaped(roomId)}`],
};

/** Ways into and out of rooms: what they tell of a room is what whoever may enter it has to know. */
const DOORS = /\/(make|send)_(join|knock|leave)\/|\/invite\/|\/exchange_third_party_invite\//;

async function ask(route: string, roomId: string, eventId: string): Promise<{ status: number; text: string }> {
  const call = READS[route];
  if (call === undefined) throw new Error(`${route} is not in the table`);
  const [method, path, body] = call(roomId, eventId);
  const { status, text } = await puppet.call(alpha.serverName, method, path, body as never);
  return { status, text: text.replace(/"origin_server_ts":\d+/, '"origin_server_ts":0') };
}

const UNKNOWN_ROOM = `!${'A'.repeat(43)}`;
const UNKNOWN_EVENT = `$${'A'.repeat(43)}`;

test('A3.1 every call about a room or an event is in the table of reads, or is a door', () => {
  const named = alpha.routes.federation
    .filter(({ path }) => /\{(roomId|eventId)\}/.test(path) && !DOORS.test(path))
    .map(({ method, path }) => `${method} ${path}`);
  expect(named.sort()).toEqual(Object.keys(READS).sort());
});

describe.each(Object.keys(READS))('%s', async (route) => {
  const number = Object.keys(READS).indexOf(route);
  const namesEvent = !/timestamp_to_event|hierarchy/.test(route);
  const alice = await Person.register(alpha, `alice${number}`);
  const enter = (roomId: string, name: string) =>
    PuppetRoom.join(puppet, alpha.serverName, roomId, puppet.user(`${name}${number}`));
  const visibility = (history_visibility: string) => ({
    initial_state: [{ type: 'm.room.history_visibility', state_key: '', content: { history_visibility } }],
  });

  if (namesEvent)
    test('A3.1 tells unknown, foreign, invisible and rejected events apart in no way', async () => {
      const roomId = await alice.createRoom(visibility('joined'));
      const invisible = await alice.say(roomId, 'before');
      const room = await enter(roomId, 'in');
      const other = await alice.createRoom();
      const foreign = await alice.say(other, 'elsewhere');
      const hidden = await alice.say(await alice.createRoom({ preset: 'private_chat' }), 'secret');
      const sender = [...room.state.values()].find(({ pdu }) => pdu.sender.endsWith(`:${puppet.serverName}`))?.pdu
        .sender;
      const draft = { type: 'm.room.name', sender: sender ?? '', stateKey: '', content: { name: 'Mine' } };
      const rejected = room.build(draft);
      await puppet.call(alpha.serverName, 'PUT', `/v1/send/${rejected.eventId.slice(1)}`, { pdus: [rejected.pdu] });
      const unknown = await ask(route, roomId, UNKNOWN_EVENT);
      for (const eventId of [invisible, foreign, hidden, rejected.eventId])
        expect(await ask(route, roomId, eventId), eventId).toEqual(unknown);
      // Whatever it is that they tell, it is not what they tell of an event that may be seen.
      expect(await ask(route, roomId, await alice.say(roomId, 'after'))).not.toEqual(unknown);
    });

  test('A3.1 A4.1 tells unknown rooms, foreign ones, those left and those that shut it out apart in no way', async () => {
    const say = async (roomId: string) => ({ roomId, eventId: await alice.say(roomId, 'hello') });
    const neverIn = await say(await alice.createRoom({ preset: 'private_chat' }));
    const kickedFrom = await say(await alice.createRoom({ preset: 'public_chat' }));
    const shut = await say(await alice.createRoom());
    const shutOutside = await say(await alice.createRoom({ preset: 'private_chat' }));
    const left = await say(await alice.createRoom());
    for (const [index, { roomId }] of [kickedFrom, shut, left].entries()) await enter(roomId, `in${index}-`);
    const joinRules = { join_rule: 'invite' };
    await alice.setState(kickedFrom.roomId, 'm.room.join_rules', joinRules);
    await alice.roomOk('POST', kickedFrom.roomId, 'kick', { user_id: puppet.user(`in0-${number}`) });
    for (const { roomId } of [shut, shutOutside])
      await alice.setState(roomId, 'm.room.server_acl', { allow: ['*.example.org'] });
    await alice.roomOk('POST', left.roomId, 'leave', {});
    const unknown = await ask(route, UNKNOWN_ROOM, UNKNOWN_EVENT);
    expect([403, 404]).toContain(unknown.status);
    for (const [name, { roomId, eventId }] of Object.entries({ neverIn, kickedFrom, shut, shutOutside, left }))
      expect(await ask(route, roomId, eventId), name).toEqual(unknown);
  });
});

test('A3.1 a server reads what a user of it saw who has left, though more have come since than are looked at first', async () => {
  const alice = await Person.register(alpha, 'alice-of-many');
  const roomId = await alice.createRoom({
    preset: 'public_chat',
    initial_state: [{ type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'joined' } }],
  });
  const before = await alice.say(roomId, 'before');
  const early = puppet.user('early');
  const room = await PuppetRoom.join(puppet, alpha.serverName, roomId, early);
  const seen = await alice.say(roomId, 'to who is here');
  const member = (userId: string, membership: string) =>
    room.add({ type: 'm.room.member', sender: userId, stateKey: userId, content: { membership } }).pdu;
  const changes = [
    member(early, 'leave'),
    ...Array.from({ length: 101 }, (_, n) => member(puppet.user(`late${n}`), 'join')),
  ];
  for (let from = 0; from < changes.length; from += 50) {
    const pdus = changes.slice(from, from + 50);
    const { body } = await puppet.call(alpha.serverName, 'PUT', `/v1/send/many${from}`, { pdus });
    expect(Object.values(body.pdus)).toEqual(pdus.map(() => ({})));
  }
  const unseen = await alice.say(roomId, 'to those who have come');
  const statusOf = async (eventId: string) =>
    (await puppet.call(alpha.serverName, 'GET', `/v1/event/${escaped(eventId)}`)).status;
  expect([await statusOf(before), await statusOf(seen), await statusOf(unseen)]).toEqual([404, 200, 200]);
});
