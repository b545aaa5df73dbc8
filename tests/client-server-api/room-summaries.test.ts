import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { type Answer, Person } from '../harness/person.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
let names = 0;

const person = (server = alpha) => Person.register(server, `person${names++}`);

const pathOf = (room: string, query = '') => `/client/v1/room_summary/${encodeURIComponent(room)}${query}`;

async function summary(who: Person, room: string, query = ''): Promise<Answer> {
  const response = await who.fetch(pathOf(room, query));
  return { status: response.status, body: await response.json() };
}

async function summaryForStrangers(room: string, query = ''): Promise<Answer> {
  const response = await fetch(`${alpha.baseUrl}/_matrix${pathOf(room, query)}`);
  return { status: response.status, body: await response.json() };
}

const closed = { preset: 'private_chat' };
const state = (type: string, content: object) => ({ ...closed, initial_state: [{ type, state_key: '', content }] });

describe('the summary of a room', () => {
  test('says what a directory would, its version, its encryption and how the user stands to it', async () => {
    const [alice, bob] = [await person(), await person()];
    const encryption = { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } };
    const room = await alice.createRoom({
      name: 'Cheese',
      topic: 'Tasty',
      room_alias_name: 'cheese',
      room_version: '11',
      initial_state: [encryption],
    });
    const expected = {
      room_id: room,
      name: 'Cheese',
      topic: 'Tasty',
      canonical_alias: `#cheese:${alpha.serverName}`,
      num_joined_members: 1,
      join_rule: 'public',
      world_readable: false,
      guest_can_join: expect.any(Boolean),
      room_version: '11',
      encryption: 'm.megolm.v1.aes-sha2',
    };
    expect(await summary(bob, room)).toEqual({ status: 200, body: expected });
    expect(await summary(bob, `#cheese:${alpha.serverName}`)).toEqual({ status: 200, body: expected });
    expect((await summary(alice, room)).body).toEqual({ ...expected, membership: 'join' });
    await bob.join(room);
    await bob.roomOk('POST', room, 'leave', {});
    expect((await summary(bob, room)).body).toEqual({ ...expected, membership: 'leave' });
  });

  test('A3.2 is for who is in it or invited, or could enter it, knock on it or peek into it', async () => {
    const [alice, bob] = [await person(), await person()];
    const club = await alice.createRoom();
    const allow = [{ type: 'm.room_membership', room_id: club }];
    const members = await alice.createRoom(state('m.room.join_rules', { join_rule: 'restricted', allow }));
    const secret = await alice.createRoom(closed);
    const banned = await alice.createRoom();
    await alice.roomOk('POST', banned, 'ban', { user_id: bob.userId });
    const nowhere = await summary(bob, `!${'A'.repeat(43)}`);
    expect(nowhere).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
    for (const room of [members, secret, banned]) expect(await summary(bob, room)).toEqual(nowhere);

    await bob.join(club);
    expect((await summary(bob, members)).body).toMatchObject({ join_rule: 'restricted', allowed_room_ids: [club] });
    const invited = await alice.createRoom({ ...closed, invite: [bob.userId] });
    expect((await summary(bob, invited)).body).toMatchObject({ membership: 'invite' });
    const peekable = state('m.room.history_visibility', { history_visibility: 'world_readable' });
    const knockable = state('m.room.join_rules', { join_rule: 'knock' });
    for (const options of [peekable, knockable]) {
      const room = await alice.createRoom(options);
      expect((await summary(bob, room)).status).toBe(200);
      expect((await summaryForStrangers(room)).body).toMatchObject({ room_id: room, num_joined_members: 1 });
    }
    for (const room of [members, secret, invited]) expect(await summaryForStrangers(room)).toEqual(nowhere);
  });

  test('refuses what is no room', async () => {
    const alice = await person();
    expect(await summary(alice, 'cheese')).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
    expect(await summary(alice, `#no-such:${alpha.serverName}`)).toMatchObject({ status: 404 });
  });
});

describe('the summary of a room of another server', () => {
  test('comes from there by id or alias, as far as it is open to the user', async () => {
    const [alice, bob] = [await person(), await person(beta)];
    const open = await bob.createRoom({ name: 'Open', room_alias_name: 'open' });
    const secret = await bob.createRoom(closed);
    const expected = { room_id: open, name: 'Open', num_joined_members: 1, join_rule: 'public' };
    expect((await summary(alice, `#open:${beta.serverName}`)).body).toMatchObject(expected);
    expect((await summary(alice, open, `?via=${beta.serverName}`)).body).toMatchObject(expected);
    expect((await summary(alice, secret, `?via=${beta.serverName}`)).status).toBe(404);
    const invited = await bob.createRoom({ ...closed, name: 'Come', invite: [alice.userId] });
    await expect
      .poll(async () => (await summary(alice, invited)).body)
      .toMatchObject({ name: 'Come', membership: 'invite' });
  });

  test('A1.7 is believed of the servers only that the user names, and asked of none for strangers', async () => {
    const [alice, bob] = [await person(), await person()];
    const [liar, honest] = [await startPuppetServer(), await startPuppetServer()];
    const room = `!${'B'.repeat(43)}`;
    for (const [puppet, name] of [[liar, 'Lies'] as const, [honest, 'Truth'] as const])
      puppet.answers.set('hierarchy', () => ({
        room: { room_id: room, name, join_rule: 'public', children_state: [] },
        children: [],
        inaccessible_children: [],
      }));
    expect((await summaryForStrangers(room, `?via=${liar.serverName}`)).status).toBe(404);
    expect(liar.calls).toEqual([]);
    expect((await summary(alice, room, `?via=${liar.serverName}`)).body.name).toBe('Lies');
    expect((await summary(bob, room, `?via=${honest.serverName}`)).body.name).toBe('Truth');
    expect((await summary(bob, room, `?via=${honest.serverName}`)).body.name).toBe('Truth');
    expect(honest.calls).toEqual(['hierarchy']);
  });
});
