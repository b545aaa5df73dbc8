import { describe, expect, test } from 'vitest';
import { eventIdOf } from '../../server/src/protocol/event-hashes.ts';
import { hashAndSignEvent, type UnsignedPdu } from '../../server/src/protocol/event-signing.ts';
import { type JoinRule, supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import { signJson } from '../../server/src/protocol/signing.ts';
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
const allVersions = supportedRoomVersions;

async function makeJoin(roomId: string, userId: string, versions: readonly string[] = allVersions) {
  const query = versions.length === 0 ? '' : `?${versions.map((version) => `ver=${version}`).join('&')}`;
  const path = `/v1/make_join/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}`;
  return await puppet.call(alpha.serverName, 'GET', `${path}${query}`);
}

/** Signs what make_join proposed, with changes. */
async function signedJoin(roomId: string, userId: string, changes: Record<string, unknown> = {}) {
  const { body } = await makeJoin(roomId, userId);
  const { origin: _, ...template } = body.event;
  const version = versionNamed(body.room_version);
  return hashAndSignEvent({ ...template, ...changes } as UnsignedPdu, version, puppet.serverName, puppet.key);
}

async function sendJoin(roomId: string, eventId: string, event: unknown) {
  const path = `/v2/send_join/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`;
  return await puppet.call(alpha.serverName, 'PUT', path, event as never);
}

describe('make_join', () => {
  for (const version of allVersions) {
    test(`proposes a join in room version ${version}`, async () => {
      const alice = await newPerson();
      const roomId = await alice.createRoom({ room_version: version });
      const userId = newUser();
      const answer = await makeJoin(roomId, userId);
      expect(answer).toMatchObject({
        status: 200,
        body: {
          room_version: version,
          event: {
            type: 'm.room.member',
            room_id: roomId,
            sender: userId,
            state_key: userId,
            content: { membership: 'join' },
            origin: alpha.serverName,
          },
        },
      });
    });
  }

  test('refuses a server that does not know the version of the room, and says which it is', async () => {
    const roomId = await (await newPerson()).createRoom({ room_version: '11' });
    const refusal = { status: 400, body: { errcode: 'M_INCOMPATIBLE_ROOM_VERSION', room_version: '11' } };
    expect(await makeJoin(roomId, newUser(), ['10', '12'])).toMatchObject(refusal);
    expect(await makeJoin(roomId, newUser(), [])).toMatchObject(refusal);
  });

  test('refuses users of other servers than the one that asks', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    const refusal = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
    expect(await makeJoin(roomId, alice.userId)).toMatchObject(refusal);
    expect(await makeJoin(roomId, '@somebody:example.org')).toMatchObject(refusal);
    expect(await makeJoin(roomId, 'nobody')).toMatchObject(refusal);
  });

  test('A1.19 knows nothing of rooms that nobody here is in', async () => {
    const refusal = { status: 404, body: { errcode: 'M_NOT_FOUND' } };
    expect(await makeJoin(`!unknown:${alpha.serverName}`, newUser())).toMatchObject(refusal);
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    await alice.roomOk('POST', roomId, 'leave', {});
    expect(await makeJoin(roomId, newUser())).toMatchObject(refusal);
  });

  test('refuses those whom the room would refuse: banned, or not invited', async () => {
    const alice = await newPerson();
    const userId = newUser();
    const refusal = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
    const open = await alice.createRoom();
    await alice.roomOk('POST', open, 'ban', { user_id: userId });
    expect(await makeJoin(open, userId)).toMatchObject(refusal);
    expect(await makeJoin(await alice.createRoom({ preset: 'private_chat' }), userId)).toMatchObject(refusal);
  });

  test('A4.1 refuses servers that the room’s ACL shuts out', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    await alice.setState(roomId, 'm.room.server_acl', { allow: ['*.example.org'] });
    expect(await makeJoin(roomId, newUser())).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  });
});

describe('send_join', () => {
  test('answers with the state before the join, its auth chain and the servers in the room', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom({ name: 'Lobby' });
    const userId = newUser();
    const join = await signedJoin(roomId, userId);
    const answer = await sendJoin(roomId, join.eventId, join.pdu);
    expect(answer.status, answer.text).toBe(200);
    const { state, auth_chain: chain, event, members_omitted, servers_in_room } = answer.body;
    expect(state.find((pdu: { type: string }) => pdu.type === 'm.room.name').content.name).toBe('Lobby');
    expect(state.some((pdu: { sender: string }) => pdu.sender === userId)).toBe(false);
    const version = versionNamed('12');
    const known = new Set([...state, ...chain].map((pdu) => eventIdOf(pdu, version)));
    for (const pdu of [...state, ...chain, event])
      for (const id of pdu.auth_events) expect(known.has(id), `auth event ${id}`).toBe(true);
    expect(event).toEqual(join.pdu);
    expect(members_omitted).toBe(false);
    expect(servers_in_room).toEqual([alpha.serverName]);
    expect(await alice.membership(roomId, userId)).toBe('join');
  });

  test('a join that is sent again is answered again', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    const join = await signedJoin(roomId, newUser());
    const first = await sendJoin(roomId, join.eventId, join.pdu);
    const second = await sendJoin(roomId, join.eventId, join.pdu);
    expect(second.status).toBe(200);
    expect(second.body.state).toEqual(first.body.state);
    const joins = (await alice.history(roomId)).filter((event) => event.event_id === join.eventId);
    expect(joins.length).toBe(1);
  });

  test('A1.2 A1.3 takes nothing but a join of the calling server’s own user, signed by it', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    const userId = newUser();
    const join = await signedJoin(roomId, userId);
    const refusal = { status: 400, body: { errcode: 'M_INVALID_PARAM' } };
    const refuses = async (event: { eventId: string; pdu: unknown }) =>
      expect(await sendJoin(roomId, event.eventId, event.pdu)).toMatchObject(refusal);

    await refuses({ ...join, eventId: '$another' });
    await refuses({ ...join, pdu: { ...join.pdu, signatures: {} } });
    await refuses({ ...join, pdu: { ...join.pdu, content: { membership: 'join', displayname: 'changed' } } });
    await refuses(await signedJoin(roomId, userId, { content: { membership: 'leave' } }));
    await refuses(await signedJoin(roomId, userId, { type: 'm.room.message' }));
    await refuses(await signedJoin(roomId, userId, { state_key: newUser() }));
    const asAlice = await signedJoin(roomId, userId, { sender: alice.userId, state_key: alice.userId });
    await refuses(asAlice);
    const signedAsAlice = signJson({ ...asAlice.pdu, signatures: {} }, alpha.serverName, puppet.key);
    await refuses({ ...asAlice, pdu: signedAsAlice });
    expect(await alice.membership(roomId, userId)).toBeUndefined();
  });

  test('A1.4 refuses an event of another room than the path names', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    const other = await alice.createRoom();
    const join = await signedJoin(roomId, newUser());
    expect(await sendJoin(other, join.eventId, join.pdu)).toMatchObject({
      status: 400,
      body: { errcode: 'M_INVALID_PARAM' },
    });
  });

  test('checks again what has changed since make_join', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    const userId = newUser();
    const join = await signedJoin(roomId, userId);
    await alice.roomOk('POST', roomId, 'ban', { user_id: userId });
    const answer = await sendJoin(roomId, join.eventId, join.pdu);
    expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect(await alice.membership(roomId, userId)).toBe('ban');
  });
});

describe('send_join that may leave out members', () => {
  async function joinWithout(roomId: string) {
    const join = await signedJoin(roomId, newUser());
    const path = `/v2/send_join/${encodeURIComponent(roomId)}/${encodeURIComponent(join.eventId)}?omit_members=true`;
    const answer = await puppet.call(alpha.serverName, 'PUT', path, join.pdu as never);
    expect(answer.status, answer.text).toBe(200);
    const { state, auth_chain: chain } = answer.body;
    const ids = [...state, ...chain].map((pdu) => eventIdOf(pdu, versionNamed('12')));
    expect(new Set(ids).size).toBe(ids.length);
    for (const pdu of [...state, ...chain, join.pdu]) expect(ids).toEqual(expect.arrayContaining(pdu.auth_events));
    const membersIn = (pdus: { type: string; state_key: string }[]) =>
      pdus.filter((pdu) => pdu.type === 'm.room.member').map((pdu) => pdu.state_key);
    return { body: answer.body, shown: membersIn(state) };
  }

  test('does so, and still proves all that it tells', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom({ name: 'Lobby' });
    for (const other of [await newPerson(), await newPerson()]) await other.join(roomId);
    const { body, shown } = await joinWithout(roomId);
    expect(body).toMatchObject({ members_omitted: true, servers_in_room: [alpha.serverName] });
    expect(shown).toEqual([]);
    expect(body.state.some((pdu: { type: string }) => pdu.type === 'm.room.name')).toBe(true);
  });

  test('names those by whom a room without a name is called', async () => {
    const alice = await newPerson();
    const roomId = await alice.createRoom();
    const bob = await newPerson();
    await bob.join(roomId);
    expect((await joinWithout(roomId)).shown.sort()).toEqual([alice.userId, bob.userId].sort());
  });
});

describe('restricted rooms', () => {
  const restrictedTo = (roomIds: readonly string[], rule: JoinRule = 'restricted') => ({
    join_rule: rule,
    allow: roomIds.map((room_id) => ({ type: 'm.room_membership', room_id })),
  });

  async function clubAndRoom(version = '12', rule: JoinRule = 'restricted') {
    const alice = await newPerson();
    const club = await alice.createRoom({ room_version: version });
    const roomId = await alice.createRoom({ room_version: version });
    await alice.setState(roomId, 'm.room.join_rules', restrictedTo([club], rule));
    return { alice, club, roomId };
  }

  const rules = allVersions.flatMap((version) =>
    (['restricted', 'knock_restricted'] as const)
      .filter((rule) => versionNamed(version).joinRules.includes(rule))
      .map((rule) => [rule, version] as const),
  );
  for (const [rule, version] of rules) {
    test(`a member of the right room gets in, signed for by one of ours (${rule}, room version ${version})`, async () => {
      const { alice, club, roomId } = await clubAndRoom(version, rule);
      const userId = newUser();
      await PuppetRoom.join(puppet, alpha.serverName, club, userId);
      const join = await signedJoin(roomId, userId);
      expect(join.pdu.content.join_authorised_via_users_server).toBe(alice.userId);
      const answer = await sendJoin(roomId, join.eventId, join.pdu);
      expect(answer.status, answer.text).toBe(200);
      expect(Object.keys(answer.body.event.signatures).sort()).toEqual([alpha.serverName, puppet.serverName].sort());
      expect(await alice.membership(roomId, userId)).toBe('join');
    });
  }

  test('others are refused, whatever they sign', async () => {
    const { alice, club, roomId } = await clubAndRoom();
    const userId = newUser();
    expect(await makeJoin(roomId, userId)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    const member = newUser();
    await PuppetRoom.join(puppet, alpha.serverName, club, member);
    const join = await signedJoin(roomId, member, { sender: userId, state_key: userId });
    const answer = await sendJoin(roomId, join.eventId, join.pdu);
    expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect(await alice.membership(roomId, userId)).toBeUndefined();
  });

  test('A4.6 is signed only if the user named may invite now', async () => {
    const { alice, club, roomId } = await clubAndRoom('11');
    const bob = await newPerson();
    await bob.join(club);
    await bob.join(roomId);
    const userId = newUser();
    await PuppetRoom.join(puppet, alpha.serverName, club, userId);
    const levels = await alice.roomOk('GET', roomId, 'state/m.room.power_levels/');
    await alice.setState(roomId, 'm.room.power_levels', { ...levels, invite: 50 });
    const content = (authoriser: string) => ({ membership: 'join', join_authorised_via_users_server: authoriser });
    for (const authoriser of [bob.userId, `@nobody:${alpha.serverName}`]) {
      const join = await signedJoin(roomId, userId, { content: content(authoriser) });
      expect(await sendJoin(roomId, join.eventId, join.pdu)).toMatchObject({
        status: 400,
        body: { errcode: 'M_UNABLE_TO_GRANT_JOIN' },
      });
    }
    const join = await signedJoin(roomId, userId);
    await alice.setState(roomId, 'm.room.power_levels', { ...levels, users: { [alice.userId]: 60 }, invite: 90 });
    expect((await sendJoin(roomId, join.eventId, join.pdu)).body.errcode).toBe('M_UNABLE_TO_GRANT_JOIN');
    expect(await alice.membership(roomId, userId)).toBeUndefined();
  });

  test('signed for by anybody of ours who may invite, but by nobody whom the power levels keep from it', async () => {
    const { alice, club, roomId } = await clubAndRoom('11');
    const [bob, carol] = [await newPerson(), await newPerson()];
    for (const member of [bob, carol]) {
      await member.join(club);
      await member.join(roomId);
    }
    const levels = await alice.roomOk('GET', roomId, 'state/m.room.power_levels/');
    const users = { [alice.userId]: 100, [bob.userId]: -1 };
    await alice.setState(roomId, 'm.room.power_levels', { ...levels, users });
    await alice.roomOk('POST', roomId, 'leave', {});
    const [invited, shut] = [newUser(), newUser()];
    for (const userId of [invited, shut]) await PuppetRoom.join(puppet, alpha.serverName, club, userId);
    const join = await signedJoin(roomId, invited);
    expect(join.pdu.content.join_authorised_via_users_server).toBe(carol.userId);
    expect((await sendJoin(roomId, join.eventId, join.pdu)).status).toBe(200);
    await carol.roomOk('POST', roomId, 'leave', {});
    expect(await makeJoin(roomId, shut)).toMatchObject({ status: 400, body: { errcode: 'M_UNABLE_TO_GRANT_JOIN' } });
  });

  test('says when only another server can tell or let in', async () => {
    const { alice, club, roomId } = await clubAndRoom('11');
    const userId = newUser();
    await alice.setState(roomId, 'm.room.join_rules', restrictedTo(['!elsewhere:example.org']));
    expect(await makeJoin(roomId, userId)).toMatchObject({
      status: 400,
      body: { errcode: 'M_UNABLE_TO_AUTHORISE_JOIN' },
    });
    await alice.setState(roomId, 'm.room.join_rules', restrictedTo([club]));
    await PuppetRoom.join(puppet, alpha.serverName, club, userId);
    const levels = await alice.roomOk('GET', roomId, 'state/m.room.power_levels/');
    await alice.setState(roomId, 'm.room.power_levels', { ...levels, users: { [alice.userId]: 60 }, invite: 90 });
    expect(await makeJoin(roomId, userId)).toMatchObject({ status: 400, body: { errcode: 'M_UNABLE_TO_GRANT_JOIN' } });
  });
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
