import { describe, expect, test } from 'vitest';
import { eventIdOf } from '../../server/src/protocol/event-hashes.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom, versionNamed } from '../harness/puppet-room.ts';
import { type PuppetServer, startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const stranger = await startPuppetServer();
let names = 0;

const version = versionNamed('12');
const escaped = encodeURIComponent;

const calls = {
  event: (_roomId: string, eventId: string) => ['GET', `/v1/event/${escaped(eventId)}`] as const,
  state: (roomId: string, eventId: string) =>
    ['GET', `/v1/state/${escaped(roomId)}?event_id=${escaped(eventId)}`] as const,
  stateIds: (roomId: string, eventId: string) =>
    ['GET', `/v1/state_ids/${escaped(roomId)}?event_id=${escaped(eventId)}`] as const,
  eventAuth: (roomId: string, eventId: string) =>
    ['GET', `/v1/event_auth/${escaped(roomId)}/${escaped(eventId)}`] as const,
};

async function ask(name: keyof typeof calls, roomId: string, eventId: string, from: PuppetServer = puppet) {
  const [method, path] = calls[name](roomId, eventId);
  return await from.call(alpha.serverName, method, path);
}

/** A room of alice's in which the puppet's user is. */
async function sharedRoom(alice: Person, options: Record<string, unknown> = {}) {
  const roomId = await alice.createRoom(options);
  const userId = puppet.user(`guest${names++}`);
  const room = await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  return { roomId, userId, room };
}

const newPerson = () => Person.register(alpha, `alice${names++}`);

describe('what a server in the room may read', () => {
  test('an event, as it was sent', async () => {
    const alice = await newPerson();
    const { roomId } = await sharedRoom(alice);
    const eventId = await alice.say(roomId, 'hello');
    const answer = await ask('event', roomId, eventId);
    expect(answer.status, answer.text).toBe(200);
    const { origin, pdus } = answer.body;
    expect(origin).toBe(alpha.serverName);
    expect(pdus).toHaveLength(1);
    expect(eventIdOf(pdus[0], version)).toBe(eventId);
    expect(pdus[0].content.body).toBe('hello');
    expect(pdus[0]).not.toHaveProperty('unsigned');
  });

  test('the state before an event, by ids or in full, with all that authorises it', async () => {
    const alice = await newPerson();
    const { roomId } = await sharedRoom(alice);
    await alice.setState(roomId, 'm.room.name', { name: 'before' });
    const eventId = await alice.setState(roomId, 'm.room.name', { name: 'after' });
    const ids = (await ask('stateIds', roomId, eventId)).body;
    const full = (await ask('state', roomId, eventId)).body;
    const idsOf = (pdus: Parameters<typeof eventIdOf>[0][]) => pdus.map((pdu) => eventIdOf(pdu, version)).sort();
    expect(idsOf(full.pdus)).toEqual([...ids.pdu_ids].sort());
    expect(idsOf(full.auth_chain)).toEqual([...ids.auth_chain_ids].sort());
    const names = full.pdus.filter((pdu: { type: string }) => pdu.type === 'm.room.name');
    expect(names.map((pdu: { content: unknown }) => pdu.content)).toEqual([{ name: 'before' }]);
    const known = new Set([...ids.pdu_ids, ...ids.auth_chain_ids]);
    for (const pdu of [...full.pdus, ...full.auth_chain])
      for (const id of pdu.auth_events) expect(known.has(id)).toBe(true);
  });

  test('the auth chain of an event', async () => {
    const alice = await newPerson();
    const { roomId, room } = await sharedRoom(alice);
    const eventId = await alice.say(roomId, 'hello');
    const { auth_chain: chain } = (await ask('eventAuth', roomId, eventId)).body;
    const types = chain.map((pdu: { type: string }) => pdu.type);
    expect(types).toEqual(expect.arrayContaining(['m.room.power_levels', 'm.room.member']));
    expect(chain.some((pdu: { sender: string }) => room.roomId && pdu.sender.endsWith(puppet.serverName))).toBe(false);
  });

  test('A3.3 an event that was redacted only without its content', async () => {
    const alice = await newPerson();
    const { roomId } = await sharedRoom(alice);
    const eventId = await alice.say(roomId, 'regretted');
    await alice.redact(roomId, eventId);
    const answer = await ask('event', roomId, eventId);
    expect(answer.text).not.toContain('regretted');
    expect(eventIdOf(answer.body.pdus[0], version)).toBe(eventId);
  });

  test('there was no state before the create event', async () => {
    const alice = await newPerson();
    const { roomId } = await sharedRoom(alice);
    const create = `$${roomId.slice(1)}`;
    expect((await ask('stateIds', roomId, create)).body).toEqual({ pdu_ids: [], auth_chain_ids: [] });
  });
});

describe('A3.1 what it may not read cannot be told from what does not exist', () => {
  test('events of rooms that it is not in, and of other rooms than the one named', async () => {
    const alice = await newPerson();
    const shared = await sharedRoom(alice);
    const secretRoom = await alice.createRoom({ preset: 'private_chat' });
    const secret = await alice.say(secretRoom, 'secret');
    const unknown = `$${'A'.repeat(43)}`;
    for (const name of ['event', 'state', 'stateIds', 'eventAuth'] as const) {
      const missing = await ask(name, shared.roomId, unknown);
      const foreign = await ask(name, shared.roomId, secret);
      expect(missing.status, name).toBe(404);
      expect(missing.body.errcode).toBe('M_NOT_FOUND');
      expect({ status: foreign.status, text: foreign.text }, name).toEqual({
        status: missing.status,
        text: missing.text,
      });
    }
    for (const name of ['state', 'stateIds', 'eventAuth'] as const) {
      const noRoom = await ask(name, `!${'A'.repeat(43)}`, unknown);
      const notIn = await ask(name, secretRoom, secret);
      expect(noRoom.status).toBe(403);
      expect({ status: notIn.status, text: notIn.text }, name).toEqual({ status: noRoom.status, text: noRoom.text });
    }
  });

  test('events of two shared rooms are not read through the wrong one', async () => {
    const alice = await newPerson();
    const one = await sharedRoom(alice);
    const other = await sharedRoom(alice);
    const eventId = await alice.say(other.roomId, 'in the other room');
    for (const name of ['state', 'stateIds', 'eventAuth'] as const)
      expect((await ask(name, one.roomId, eventId)).status).toBe(404);
    expect((await ask('event', one.roomId, eventId)).status).toBe(200);
  });

  test('anything at all for a server that is in no room of ours', async () => {
    const alice = await newPerson();
    const { roomId } = await sharedRoom(alice);
    const eventId = await alice.say(roomId, 'hello');
    const unknown = await ask('event', roomId, `$${'B'.repeat(43)}`, stranger);
    const known = await ask('event', roomId, eventId, stranger);
    expect({ status: known.status, text: known.text }).toEqual({ status: 404, text: unknown.text });
    for (const name of ['state', 'stateIds', 'eventAuth'] as const)
      expect(await ask(name, roomId, eventId, stranger)).toMatchObject({ status: 403 });
  });

  test('what was said before its users came, where history is for those who were there', async () => {
    const alice = await newPerson();
    const visibility = { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'joined' } };
    const roomId = await alice.createRoom({ initial_state: [visibility] });
    const before = await alice.say(roomId, 'before');
    await PuppetRoom.join(puppet, alpha.serverName, roomId, puppet.user(`guest${names++}`));
    const after = await alice.say(roomId, 'after');
    const unknown = await ask('event', roomId, `$${'C'.repeat(43)}`);
    const hidden = await ask('event', roomId, before);
    expect({ status: hidden.status, text: hidden.text }).toEqual({ status: 404, text: unknown.text });
    expect((await ask('stateIds', roomId, before)).status).toBe(404);
    expect((await ask('event', roomId, after)).status).toBe(200);
  });

  test('what was said after its last user has left', async () => {
    const alice = await newPerson();
    const { roomId, userId, room } = await sharedRoom(alice);
    const before = await alice.say(roomId, 'before');
    expect((await ask('event', roomId, before)).status).toBe(200);
    await alice.roomOk('POST', roomId, 'kick', { user_id: userId });
    const after = await alice.say(roomId, 'after');
    expect(room.roomId).toBe(roomId);
    expect((await ask('event', roomId, after)).status).toBe(404);
    expect((await ask('event', roomId, before)).status).toBe(404);
  });

  test('A4.1 anything of a room whose ACL shuts it out', async () => {
    const alice = await newPerson();
    const { roomId } = await sharedRoom(alice);
    const eventId = await alice.say(roomId, 'hello');
    await alice.setState(roomId, 'm.room.server_acl', { allow: ['*.example.org'] });
    expect((await ask('event', roomId, eventId)).status).toBe(404);
    for (const name of ['state', 'stateIds', 'eventAuth'] as const)
      expect(await ask(name, roomId, eventId)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  });

  test('invites and rejected events', async () => {
    const alice = await newPerson();
    const { roomId, userId, room } = await sharedRoom(alice);
    const rejected = room.build({ type: 'm.room.name', sender: userId, stateKey: '', content: { name: 'Mine' } });
    await puppet.call(alpha.serverName, 'PUT', '/v1/send/rejected', { pdus: [rejected.pdu] });
    expect((await ask('event', roomId, rejected.eventId)).status).toBe(404);
    const elsewhere = PuppetRoom.create(puppet, '11');
    const invite = elsewhere.build({
      type: 'm.room.member',
      sender: puppet.user('creator'),
      stateKey: alice.userId,
      content: { membership: 'invite' },
    });
    const path = `/v2/invite/${escaped(elsewhere.roomId)}/${escaped(invite.eventId)}`;
    const body = { room_version: '11', event: invite.pdu, invite_room_state: [] };
    expect((await puppet.call(alpha.serverName, 'PUT', path, body)).status).toBe(200);
    expect((await ask('event', elsewhere.roomId, invite.eventId)).status).toBe(404);
  });
});
