import { describe, expect, test } from 'vitest';
import { eventIdOf } from '../../server/src/protocol/event-hashes.ts';
import type { SignedEvent } from '../../server/src/protocol/event-signing.ts';
import { supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import { signJson } from '../../server/src/protocol/signing.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const rogue = await startPuppetServer();
const creator = puppet.user('creator');
let names = 0;
let txns = 0;

const newPerson = () => Person.register(alpha, `alice${names++}`);

function inviteOf(room: PuppetRoom, userId: string, sender: string = creator): SignedEvent {
  return room.build({ type: 'm.room.member', sender, stateKey: userId, content: { membership: 'invite' } });
}

const stateOf = (room: PuppetRoom) => [...room.state.values()].map((event) => event.pdu);

interface Changes {
  readonly from?: typeof puppet;
  readonly roomId?: string;
  readonly eventId?: string;
  readonly version?: string;
  readonly state?: unknown;
}

async function sendInvite(room: PuppetRoom, invite: { eventId: string; pdu: unknown }, changes: Changes = {}) {
  const { from = puppet, roomId = room.roomId, eventId = invite.eventId } = changes;
  const path = `/v2/invite/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`;
  const body = {
    room_version: changes.version ?? room.version.id,
    event: invite.pdu,
    ...('state' in changes ? { invite_room_state: changes.state } : { invite_room_state: stateOf(room) }),
  };
  return await from.call(alpha.serverName, 'PUT', path, body as never);
}

/** Why an event was refused that the puppet sends. */
async function errorOf(event: SignedEvent): Promise<string | undefined> {
  const sent = await puppet.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, { pdus: [event.pdu] });
  expect(sent.status, sent.text).toBe(200);
  return sent.body.pdus[event.eventId].error;
}

const invalid = { status: 400, body: { errcode: 'M_INVALID_PARAM' } };

for (const version of supportedRoomVersions) {
  test(`an invite to a room of version ${version} is signed and shown to the user`, async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet, version);
    const name = room.add({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'Club' } });
    const invite = inviteOf(room, alice.userId);
    const answer = await sendInvite(room, invite);
    expect(answer.status, answer.text).toBe(200);
    expect(Object.keys(answer.body.event.signatures).sort()).toEqual([alpha.serverName, puppet.serverName].sort());
    expect(eventIdOf(answer.body.event, room.version)).toBe(invite.eventId);
    const state = await alice.untilInvited(room.roomId);
    expect(state).toContainEqual({
      type: 'm.room.name',
      state_key: '',
      sender: name.pdu.sender,
      content: { name: 'Club' },
    });
    expect(state.find((event) => event.state_key === alice.userId)?.content.membership).toBe('invite');
  });
}

test('by the first version of the call an invite is answered in a list, and to rooms of the first two versions only', async () => {
  const alice = await newPerson();
  const send = async (version: string) => {
    const room = PuppetRoom.create(puppet, version);
    const { eventId, pdu } = inviteOf(room, alice.userId);
    const body = { ...pdu, unsigned: { invite_room_state: stateOf(room) } };
    const path = `/v1/invite/${encodeURIComponent(room.roomId)}/${encodeURIComponent(eventId)}`;
    return { room, answer: await puppet.call(alpha.serverName, 'PUT', path, body as never) };
  };
  const { room, answer } = await send('1');
  expect(answer).toMatchObject({ status: 200, body: [200, { event: { sender: creator, room_id: room.roomId } }] });
  const [, { event }] = answer.body;
  expect(Object.keys(event.signatures).sort()).toEqual([alpha.serverName, puppet.serverName].sort());
  await alice.untilInvited(room.roomId);
  expect((await send('11')).answer.status).toBe(400);
});

describe('what is signed', () => {
  test('A1.3 nothing but an invite of our user by a user of the calling server', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    const invite = inviteOf(room, alice.userId);
    const build = (draft: object) => room.build({ type: 'm.room.member', sender: creator, ...draft });
    const others = [
      build({ stateKey: alice.userId, content: { membership: 'leave' } }),
      build({ stateKey: alice.userId, content: { membership: 'ban' } }),
      build({ stateKey: alice.userId, content: { membership: 'join' } }),
      build({ type: 'm.room.message', content: { membership: 'invite' } }),
      build({ type: 'm.room.topic', stateKey: alice.userId, content: { membership: 'invite' } }),
      build({ stateKey: '@bob:example.org', content: { membership: 'invite' } }),
      inviteOf(room, puppet.user('own')),
      inviteOf(room, alice.userId, alice.userId),
      inviteOf(room, alice.userId, '@moderator:example.org'),
    ];
    for (const event of others) expect(await sendInvite(room, event), event.json).toMatchObject(invalid);
    // As if we had sent it ourselves, and as if somebody else brought it.
    const own = inviteOf(room, alice.userId, alice.userId);
    const asIfOurs = signJson({ ...own.pdu, signatures: {} }, alpha.serverName, puppet.key);
    expect(await sendInvite(room, { ...own, pdu: asIfOurs })).toMatchObject(invalid);
    expect(await sendInvite(room, invite, { from: rogue })).toMatchObject(invalid);
    expect(await sendInvite(room, invite, { eventId: '$another' })).toMatchObject(invalid);
    expect(await sendInvite(room, { ...invite, pdu: { ...invite.pdu, signatures: {} } })).toMatchObject(invalid);
    const changed = { ...invite.pdu, content: { membership: 'invite', reason: 'changed' } };
    expect(await sendInvite(room, { ...invite, pdu: changed })).toMatchObject(invalid);
    expect((await sendInvite(room, invite)).status).toBe(200);
  });

  test('A1.4 nothing of another room than the path names', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    const other = PuppetRoom.create(puppet);
    const answer = await sendInvite(room, inviteOf(room, alice.userId), { roomId: other.roomId });
    expect(answer).toMatchObject(invalid);
  });

  test('nothing for users whom we do not have, and nobody can tell them from those who are gone', async () => {
    const alice = await newPerson();
    await alice.ok('POST', '/account/deactivate', {
      auth: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: alice.userId },
        password: `password of ${alice.userId.slice(1).split(':')[0]}`,
      },
    });
    const room = PuppetRoom.create(puppet);
    const gone = await sendInvite(room, inviteOf(room, alice.userId));
    const unknown = await sendInvite(room, inviteOf(room, `@nobody:${alpha.serverName}`));
    expect(gone).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect(unknown.text).toBe(gone.text);
  });

  test('nothing of a room version that we do not support', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    for (const version of ['0', '13', 'org.example.new'])
      expect(await sendInvite(room, inviteOf(room, alice.userId), { version })).toMatchObject({
        status: 400,
        body: { errcode: 'M_INCOMPATIBLE_ROOM_VERSION', room_version: version },
      });
  });
});

describe('the state that comes with an invite', () => {
  test('A1.7 malformed state never reaches the client', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet, '11');
    const odd = [null, 7, 'text', {}, { type: 'm.room.name', content: null }, { type: 'm.room.topic', state_key: 1 }];
    const stripped = { type: 'm.room.name', state_key: '', sender: creator, content: { name: 'Old style' } };
    expect((await sendInvite(room, inviteOf(room, alice.userId), { state: [...odd, stripped] })).status).toBe(200);
    const state = await alice.untilInvited(room.roomId);
    expect(state.map((event) => event.type).sort()).toEqual(['m.room.member', 'm.room.name']);
    const bob = await newPerson();
    expect((await sendInvite(room, inviteOf(room, bob.userId), { state: null })).status).toBe(400);
  });

  test('A1.7 more than 50 events or 64 KiB are refused', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet, '11');
    const stripped = { type: 'm.room.name', state_key: '', sender: creator, content: { name: 'x' } };
    const many = Array.from({ length: 51 }, () => stripped);
    expect(await sendInvite(room, inviteOf(room, alice.userId), { state: many })).toMatchObject(invalid);
    const large = [{ ...stripped, content: { name: 'x'.repeat(65_536) } }];
    expect(await sendInvite(room, inviteOf(room, alice.userId), { state: large })).toMatchObject(invalid);
  });

  test('A1.7 in room version 12 it has to prove the room by its create event', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    const other = PuppetRoom.create(puppet);
    const invite = inviteOf(room, alice.userId);
    const create = room.eventOf('m.room.create')?.pdu;
    const foreign = other.eventOf('m.room.create')?.pdu;
    expect(await sendInvite(room, invite, { state: [] })).toMatchObject(invalid);
    expect(await sendInvite(room, invite, { state: [foreign] })).toMatchObject(invalid);
    expect(await sendInvite(room, invite, { state: [{ ...create, signatures: {} }] })).toMatchObject(invalid);
    expect(await sendInvite(room, invite, { state: [create, { type: 'm.room.name' }] })).toMatchObject(invalid);
    expect((await sendInvite(room, invite, { state: [create] })).status).toBe(200);
  });

  test('forged events are left out of it in older room versions', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet, '11');
    const name = room.build({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'Bank' } });
    const forged = { ...name.pdu, sender: '@official:example.org' };
    expect((await sendInvite(room, inviteOf(room, alice.userId), { state: [forged] })).status).toBe(200);
    const state = await alice.untilInvited(room.roomId);
    expect(state.map((event) => event.type)).toEqual(['m.room.member']);
  });
});

describe('what follows', () => {
  test('an invite that is declined stays declined when it is sent again', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    room.serve();
    const invite = inviteOf(room, alice.userId);
    await sendInvite(room, invite);
    room.apply(invite);
    await alice.untilInvited(room.roomId);
    await alice.roomOk('POST', room.roomId, 'leave', {});
    expect(puppet.calls.slice(-2)).toEqual(['make_leave', 'send_leave']);
    expect((await sendInvite(room, invite)).status).toBe(200);
    const sync = await alice.ok('GET', '/sync');
    expect(sync.rooms?.invite?.[room.roomId]).toBeUndefined();
    const another = inviteOf(room, alice.userId);
    expect((await sendInvite(room, another)).status).toBe(200);
    await alice.untilInvited(room.roomId);
  });

  test('an invite is declined even while the server of the inviter is away, or tells lies about it', async () => {
    const [alice, away] = [await newPerson(), await startPuppetServer()];
    for (const isUp of [false, true]) {
      const room = PuppetRoom.create(away);
      away.answers.set('make_leave', () => ({ room_version: room.version.id, event: { type: 'm.room.message' } }));
      const sender = away.user('creator');
      expect((await sendInvite(room, inviteOf(room, alice.userId, sender), { from: away })).status).toBe(200);
      await alice.untilInvited(room.roomId);
      away.isUp = isUp;
      await alice.roomOk('POST', room.roomId, 'leave', {});
      const sync = await alice.ok('GET', '/sync');
      expect(sync.rooms?.invite?.[room.roomId]).toBeUndefined();
      expect(await alice.room('POST', room.roomId, 'forget', {})).toMatchObject({ status: 200 });
      away.isUp = true;
    }
    expect(away.calls).not.toContain('send_leave');
  });

  test('a wrong room version in an invite does not stand in the way of a later join', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet, '11');
    room.serve();
    const asVersion10 = new PuppetRoom(puppet, PuppetRoom.create(puppet, '10').version);
    Object.assign(asVersion10, { roomId: room.roomId, state: room.state, latest: room.latest });
    const lie = inviteOf(asVersion10, alice.userId);
    expect((await sendInvite(asVersion10, lie, { state: [] })).status).toBe(200);
    await alice.join(room.roomId, [puppet.serverName]);
    await alice.say(room.roomId, 'in');
    expect(await alice.texts(room.roomId)).toEqual(['in']);
  });

  test('the inviter’s server may take an invite back, and no other may', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    const invite = inviteOf(room, alice.userId);
    await sendInvite(room, invite);
    room.apply(invite);
    const leave = { type: 'm.room.member', stateKey: alice.userId, content: { membership: 'leave' } };
    const forged = new PuppetRoom(rogue, room.version);
    Object.assign(forged, { roomId: room.roomId, state: room.state, latest: room.latest, depth: room.depth });
    const fromRogue = forged.build({ ...leave, sender: rogue.user('rogue') });
    const refused = await rogue.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, { pdus: [fromRogue.pdu] });
    expect(refused.body.pdus[fromRogue.eventId].error).toBe('no user of this server is in the room');
    await alice.untilInvited(room.roomId);
    const back = room.add({ ...leave, sender: creator });
    const taken = await puppet.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, { pdus: [back.pdu] });
    expect(taken.body.pdus).toEqual({ [back.eventId]: {} });
    const sync = await alice.ok('GET', '/sync');
    expect(sync.rooms?.invite?.[room.roomId]).toBeUndefined();
  });

  test('nothing but a leave or a ban of the invited user takes an invite back', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    const invite = inviteOf(room, alice.userId);
    await sendInvite(room, invite);
    room.apply(invite);
    const ofAlice = { sender: creator, stateKey: alice.userId };
    for (const draft of [
      { ...ofAlice, type: 'org.example.member', content: { membership: 'leave' } },
      { ...ofAlice, type: 'm.room.member', content: { membership: 'knock' } },
      { ...ofAlice, type: 'm.room.member', content: {} },
      { ...ofAlice, type: 'm.room.member', content: { membership: 'leave' }, stateKey: `@nobody:${alpha.serverName}` },
    ])
      expect(await errorOf(room.build(draft)), JSON.stringify(draft)).toBeTypeOf('string');
    await alice.untilInvited(room.roomId);
    const ban = room.build({ ...ofAlice, type: 'm.room.member', content: { membership: 'ban' } });
    expect(await errorOf(ban)).toBeUndefined();
    const sync = await alice.ok('GET', '/sync');
    expect(sync.rooms?.invite?.[room.roomId]).toBeUndefined();
  });

  test('of a room that nobody here is in, nothing is heard of whoever is not invited, here or elsewhere', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    room.serve();
    await alice.join(room.roomId, [puppet.serverName]);
    const away = room.add({
      type: 'm.room.member',
      sender: creator,
      stateKey: rogue.user('invited'),
      content: { membership: 'invite' },
    });
    expect(await errorOf(away)).toBeUndefined();
    const kick = { type: 'm.room.member', sender: creator, stateKey: alice.userId, content: { membership: 'leave' } };
    expect(await errorOf(room.add(kick))).toBeUndefined();
    for (const stateKey of [rogue.user('invited'), alice.userId]) {
      const ban = room.build({ type: 'm.room.member', sender: creator, stateKey, content: { membership: 'ban' } });
      expect(await errorOf(ban)).toBe('no user of this server is in the room');
    }
  });

  test('A1.2 an invite that nobody has authorised yet authorises nothing', async () => {
    const [alice, bob] = [await newPerson(), await newPerson()];
    const room = PuppetRoom.create(puppet);
    room.serve();
    // Its sender is not in the room, which this server cannot know.
    const invite = inviteOf(room, bob.userId, puppet.user('stranger'));
    expect((await sendInvite(room, invite)).status).toBe(200);
    await alice.join(room.roomId, [puppet.serverName]);
    const authEvents = [room.eventOf('m.room.power_levels')?.eventId, room.eventOf('m.room.member', creator)?.eventId];
    const kick = room.build({
      type: 'm.room.member',
      sender: creator,
      stateKey: bob.userId,
      content: { membership: 'leave' },
      authEvents: [...authEvents, invite.eventId].map(String),
    });
    puppet.answers.set('event_auth', () => undefined);
    expect(await errorOf(kick)).toContain('cannot be had');
    room.know(invite.pdu);
    room.know(kick.pdu);
    room.serve();
    expect(await errorOf(kick)).toContain('auth events');
  });

  test('an invite to a room that this server is in is signed, and comes with the room’s events', async () => {
    const alice = await newPerson();
    const bob = await newPerson();
    const room = PuppetRoom.create(puppet);
    room.serve();
    await alice.join(room.roomId, [puppet.serverName]);
    const invite = inviteOf(room, bob.userId);
    const answer = await sendInvite(room, invite);
    expect(answer.status, answer.text).toBe(200);
    room.apply({ ...invite, pdu: answer.body.event });
    const sent = await puppet.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, { pdus: [answer.body.event] });
    expect(sent.body.pdus).toEqual({ [invite.eventId]: {} });
    await bob.untilInvited(room.roomId);
    await bob.join(room.roomId);
    expect(await alice.membership(room.roomId, bob.userId)).toBe('join');
  });
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
