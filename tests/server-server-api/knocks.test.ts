import { describe, expect, test } from 'vitest';
import { eventIdOf } from '../../server/src/protocol/event-hashes.ts';
import { hashAndSignEvent, type UnsignedPdu } from '../../server/src/protocol/event-signing.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom, versionNamed } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
let names = 0;

const newPerson = () => Person.register(alpha, `alice${names++}`);
const newUser = () => puppet.user(`guest${names++}`);
const forbidden = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
const invalid = { status: 400, body: { errcode: 'M_INVALID_PARAM' } };

async function knockableRoom(alice: Person, options: Record<string, unknown> = {}, rule = 'knock') {
  const roomId = await alice.createRoom({ preset: 'private_chat', name: 'Club', ...options });
  await alice.setState(roomId, 'm.room.join_rules', { join_rule: rule, allow: [] });
  return roomId;
}

async function makeKnock(roomId: string, userId: string, query = '?ver=10&ver=11&ver=12') {
  const path = `/v1/make_knock/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}`;
  return await puppet.call(alpha.serverName, 'GET', `${path}${query}`);
}

/** Signs what make_knock proposed, with changes. */
async function signedKnock(roomId: string, userId: string, changes: Record<string, unknown> = {}) {
  const { body, text } = await makeKnock(roomId, userId);
  expect(body.event, text).toBeDefined();
  const { origin: _, ...template } = body.event;
  const version = versionNamed(body.room_version);
  return hashAndSignEvent({ ...template, ...changes } as UnsignedPdu, version, puppet.serverName, puppet.key);
}

async function sendKnock(roomId: string, eventId: string, event: unknown) {
  const path = `/v1/send_knock/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`;
  return await puppet.call(alpha.serverName, 'PUT', path, event as never);
}

describe('a knock of another server’s user', () => {
  for (const [version, rule] of [
    ['10', 'knock'],
    ['10', 'knock_restricted'],
    ['11', 'knock'],
    ['12', 'knock_restricted'],
  ] as const) {
    test(`is taken in a room of version ${version} with the join rule ${rule}, and seen by those in it`, async () => {
      const alice = await newPerson();
      const roomId = await knockableRoom(alice, { room_version: version }, rule);
      const userId = newUser();
      const knock = await signedKnock(roomId, userId, { content: { membership: 'knock', reason: 'please' } });
      const answer = await sendKnock(roomId, knock.eventId, knock.pdu);
      expect(answer.status, answer.text).toBe(200);
      const seen = await alice.untilEvent(roomId, (event) => event.state_key === userId, 'the knock');
      expect(seen.content).toMatchObject({ membership: 'knock', reason: 'please' });
      const types = answer.body.knock_room_state.map((pdu: { type: string }) => pdu.type).sort();
      expect(types).toEqual(['m.room.create', 'm.room.join_rules', 'm.room.name']);
    });
  }

  test('is answered with whole events, so that the room is proven by its create event', async () => {
    const alice = await newPerson();
    const roomId = await knockableRoom(alice);
    const knock = await signedKnock(roomId, newUser());
    const { body } = await sendKnock(roomId, knock.eventId, knock.pdu);
    const create = body.knock_room_state.find((pdu: { type: string }) => pdu.type === 'm.room.create');
    expect(eventIdOf(create, versionNamed('12')).slice(1)).toBe(roomId.slice(1));
  });

  test('A3.3 is not told the name of a room that was redacted', async () => {
    const alice = await newPerson();
    const roomId = await knockableRoom(alice, { name: 'Before' });
    await alice.redact(roomId, await alice.setState(roomId, 'm.room.name', { name: 'regretted' }));
    const knock = await signedKnock(roomId, newUser());
    const answer = await sendKnock(roomId, knock.eventId, knock.pdu);
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('regretted');
  });

  test('is answered again when it is sent again', async () => {
    const alice = await newPerson();
    const roomId = await knockableRoom(alice);
    const knock = await signedKnock(roomId, newUser());
    const first = await sendKnock(roomId, knock.eventId, knock.pdu);
    expect((await sendKnock(roomId, knock.eventId, knock.pdu)).text).toBe(first.text);
    expect((await alice.history(roomId)).filter((event) => event.event_id === knock.eventId)).toHaveLength(1);
  });

  test('is refused where the room takes none, and from who is in the room, invited or banned', async () => {
    const alice = await newPerson();
    for (const rule of ['invite', 'restricted', 'public'])
      expect(await makeKnock(await knockableRoom(alice, {}, rule), newUser()), rule).toMatchObject(forbidden);
    const roomId = await knockableRoom(alice);
    const [banned, invited] = [newUser(), newUser()];
    await alice.roomOk('POST', roomId, 'ban', { user_id: banned });
    expect(await makeKnock(roomId, banned)).toMatchObject(forbidden);
    puppet.answers.set('invite', ({ body }) => ({ event: body.event }));
    const open = await alice.createRoom();
    await PuppetRoom.join(puppet, alpha.serverName, open, invited);
    await alice.setState(open, 'm.room.join_rules', { join_rule: 'knock' });
    expect(await makeKnock(open, invited)).toMatchObject(forbidden);
  });

  test('is checked again when it is sent', async () => {
    const alice = await newPerson();
    const roomId = await knockableRoom(alice);
    const userId = newUser();
    const knock = await signedKnock(roomId, userId);
    await alice.roomOk('POST', roomId, 'ban', { user_id: userId });
    expect(await sendKnock(roomId, knock.eventId, knock.pdu)).toMatchObject(forbidden);
    expect(await alice.membership(roomId, userId)).toBe('ban');
  });

  test('A4.1 is refused where the room’s ACL shuts the server out', async () => {
    const alice = await newPerson();
    const roomId = await knockableRoom(alice);
    const knock = await signedKnock(roomId, newUser());
    await alice.setState(roomId, 'm.room.server_acl', { allow: ['*.example.org'] });
    expect(await makeKnock(roomId, newUser())).toMatchObject(forbidden);
    expect(await sendKnock(roomId, knock.eventId, knock.pdu)).toMatchObject(forbidden);
  });

  test('needs a server that knows the version of the room, and that says which it knows', async () => {
    const roomId = await knockableRoom(await newPerson(), { room_version: '11' });
    const refusal = { status: 400, body: { errcode: 'M_INCOMPATIBLE_ROOM_VERSION', room_version: '11' } };
    expect(await makeKnock(roomId, newUser(), '?ver=10&ver=12')).toMatchObject(refusal);
    expect(await makeKnock(roomId, newUser(), '')).toMatchObject({ status: 400, body: { errcode: 'M_MISSING_PARAM' } });
  });

  test('A1.19 leads nowhere in rooms that nobody here is in', async () => {
    const refusal = { status: 404, body: { errcode: 'M_NOT_FOUND' } };
    expect(await makeKnock(`!unknown:${alpha.serverName}`, newUser())).toMatchObject(refusal);
    const alice = await newPerson();
    const roomId = await knockableRoom(alice);
    const knock = await signedKnock(roomId, newUser());
    await alice.roomOk('POST', roomId, 'leave', {});
    expect(await makeKnock(roomId, newUser())).toMatchObject(refusal);
    expect(await sendKnock(roomId, knock.eventId, knock.pdu)).toMatchObject(refusal);
  });

  test('A1.2 A1.3 has to be a knock of the calling server’s own user, signed by it', async () => {
    const alice = await newPerson();
    const roomId = await knockableRoom(alice);
    const userId = newUser();
    expect(await makeKnock(roomId, alice.userId)).toMatchObject(forbidden);
    const knock = await signedKnock(roomId, userId);
    const others = [
      { ...knock, eventId: '$another' },
      { ...knock, pdu: { ...knock.pdu, signatures: {} } },
      { ...knock, pdu: { ...knock.pdu, content: { membership: 'knock', reason: 'changed' } } },
      await signedKnock(roomId, userId, { content: { membership: 'join' } }),
      await signedKnock(roomId, userId, { content: { membership: 'leave' } }),
      await signedKnock(roomId, userId, { type: 'm.room.message' }),
      await signedKnock(roomId, userId, { state_key: newUser() }),
      await signedKnock(roomId, userId, { sender: alice.userId, state_key: alice.userId }),
    ];
    for (const { eventId, pdu } of others) expect(await sendKnock(roomId, eventId, pdu)).toMatchObject(invalid);
    expect(await sendKnock(await knockableRoom(alice), knock.eventId, knock.pdu)).toMatchObject(invalid);
    expect(await alice.membership(roomId, userId)).toBeUndefined();
  });
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
