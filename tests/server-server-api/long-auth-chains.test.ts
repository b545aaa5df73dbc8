import { beforeAll, describe, expect, test } from 'vitest';
import type { Event, EventId, Pdu } from '../../server/src/protocol/event.ts';
import { eventIdOf } from '../../server/src/protocol/event-hashes.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const CHANGES = 2_500;

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const newcomer = await startPuppetServer();
const creator = puppet.user('creator');
const room = PuppetRoom.create(puppet, '10');
/** How alice of alpha joined the room. */
let join: Event;

beforeAll(async () => {
  for (let n = 0; n < CHANGES; n++) {
    const content = { users: { [creator]: 100 }, events: { 'org.example.n': n % 100 } };
    room.add({ type: 'm.room.power_levels', sender: creator, stateKey: '', content });
  }
  room.serve();
  const alice = await Person.register(alpha, 'alice');
  await alice.join(room.roomId, [puppet.serverName]);
  const joined = room.eventOf('m.room.member', alice.userId);
  if (joined === undefined) throw new Error('alice has not joined');
  join = joined;
});

const sorted = (ids: Iterable<string>) => [...ids].sort();
const idsOf = (events: Iterable<Event>) => sorted([...events].map((event) => event.eventId));
const idsOfPdus = (pdus: readonly Pdu[]) => sorted(pdus.map((pdu) => eventIdOf(pdu, room.version)));

async function ask(path: string) {
  const answer = await puppet.call(alpha.serverName, 'GET', path);
  expect(answer.status, answer.text.slice(0, 200)).toBe(200);
  return answer.body;
}

describe(`H6 in a room whose auth chain has ${CHANGES} events and more`, () => {
  const at = () => encodeURIComponent(room.roomId);

  test('event_auth has all of them, each once, as they were sent', async () => {
    const { auth_chain: chain } = await ask(`/v1/event_auth/${at()}/${encodeURIComponent(join.eventId)}`);
    expect(idsOfPdus(chain)).toEqual(idsOf(room.authChain([join])));
    expect(chain.length).toBeGreaterThan(CHANGES);
    for (const pdu of chain.slice(0, 50))
      expect(pdu).toEqual(room.events.get(eventIdOf(pdu, room.version) as EventId)?.pdu);
  });

  test('state and state_ids have the state and what it rests upon', async () => {
    const before = room.statesBefore.get(join.eventId)?.values() ?? [];
    const state = [...before];
    const query = `${at()}?event_id=${encodeURIComponent(join.eventId)}`;
    const ids = await ask(`/v1/state_ids/${query}`);
    expect(sorted(ids.pdu_ids)).toEqual(idsOf(state));
    expect(sorted(ids.auth_chain_ids)).toEqual(idsOf(room.authChain([...state, join])));
    const full = await ask(`/v1/state/${query}`);
    expect(idsOfPdus(full.pdus)).toEqual(idsOf(state));
    expect(idsOfPdus(full.auth_chain)).toEqual(sorted(ids.auth_chain_ids));
  });

  test('send_join tells the state and all that it rests upon', async () => {
    const joined = await PuppetRoom.join(newcomer, alpha.serverName, room.roomId, newcomer.user('new'));
    expect(idsOf(joined.events.values())).toEqual(expect.arrayContaining(idsOf(room.authChain(room.state.values()))));
    expect(idsOf(joined.state.values())).toEqual(expect.arrayContaining(idsOf(room.state.values())));
  });

  test('whoever may not read it is refused before anything is sent', async () => {
    const stranger = await startPuppetServer();
    const path = `/v1/event_auth/${at()}/${encodeURIComponent(join.eventId)}`;
    const refused = await stranger.call(alpha.serverName, 'GET', path);
    expect(refused).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    const unknown = await puppet.call(alpha.serverName, 'GET', `/v1/event_auth/${at()}/$unknown`);
    expect(unknown).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
  });

  test('power levels that disagree are resolved', async () => {
    const levels = (sender: string, prev: readonly string[], n: number) =>
      room.build({
        type: 'm.room.power_levels',
        sender,
        stateKey: '',
        content: { users: { [creator]: 100 }, events: { 'org.example.fork': n } },
        prevEvents: prev,
      });
    const [one, other] = [levels(creator, [join.eventId], 1), levels(creator, [join.eventId], 2)];
    const body = { pdus: [one.pdu, other.pdu] };
    const answer = await puppet.call(alpha.serverName, 'PUT', '/v1/send/forked', body as never);
    expect(answer.body.pdus).toEqual({ [one.eventId]: {}, [other.eventId]: {} });
  });

  test('afterwards the database agrees with itself', async () => {
    expect(await brokenRules(alpha)).toEqual([]);
  });
});
