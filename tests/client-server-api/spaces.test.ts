import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
let names = 0;

const person = (server = alpha) => Person.register(server, `person${names++}`);

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
async function hierarchy(who: Person, roomId: string, query = ''): Promise<{ status: number; body: any }> {
  const response = await who.fetch(`/client/v1/rooms/${encodeURIComponent(roomId)}/hierarchy${query}`);
  return { status: response.status, body: await response.json() };
}

async function roomsOf(who: Person, roomId: string, query = ''): Promise<string[]> {
  const { status, body } = await hierarchy(who, roomId, query);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.rooms.map((room: { room_id: string }) => room.room_id);
}

const newSpace = (who: Person, options: object = {}) =>
  who.createRoom({ creation_content: { type: 'm.space' }, ...options });

async function addChildren(who: Person, space: string, children: readonly string[], via = alpha.serverName) {
  for (const [index, child] of children.entries())
    await who.setState(space, 'm.space.child', { via: [via], order: String.fromCharCode(97 + index) }, child);
}

describe('the rooms of a space', () => {
  test('are listed depth first, each where it is met first, circles or not', async () => {
    const alice = await person();
    const [top, inner] = [await newSpace(alice, { name: 'Top' }), await newSpace(alice)];
    const [one, two, three] = [await alice.createRoom(), await alice.createRoom(), await alice.createRoom()];
    await addChildren(alice, top, [one, inner, three]);
    await addChildren(alice, inner, [top, two, one, inner]);
    expect(await roomsOf(alice, top)).toEqual([top, one, inner, two, three]);
    const { body } = await hierarchy(alice, top);
    expect(body.rooms[0]).toMatchObject({ name: 'Top', room_type: 'm.space', num_joined_members: 1 });
    expect(body.rooms[0].children_state.map((event: { state_key: string }) => event.state_key)).toEqual([
      one,
      inner,
      three,
    ]);
    expect(body.next_batch).toBeUndefined();
  });

  test('can be limited in depth and to those that are suggested', async () => {
    const alice = await person();
    const [top, inner] = [await newSpace(alice), await newSpace(alice)];
    const [one, two] = [await alice.createRoom(), await alice.createRoom()];
    await addChildren(alice, top, [inner, one]);
    await alice.setState(inner, 'm.space.child', { via: [alpha.serverName], suggested: true }, two);
    expect(await roomsOf(alice, top, '?max_depth=0')).toEqual([top]);
    expect(await roomsOf(alice, top, '?max_depth=1')).toEqual([top, inner, one]);
    expect(await roomsOf(alice, inner, '?suggested_only=true')).toEqual([inner, two]);
    expect(await roomsOf(alice, top, '?suggested_only=true')).toEqual([top]);
  });

  test('come page by page, under the conditions of the first page', async () => {
    const alice = await person();
    const top = await newSpace(alice);
    const rooms: string[] = [];
    for (let i = 0; i < 5; i++) rooms.push(await alice.createRoom());
    await addChildren(alice, top, rooms);
    const seen: string[] = [];
    let from = '';
    do {
      const { body } = await hierarchy(alice, top, `?limit=2${from}`);
      expect(body.rooms.length).toBeLessThanOrEqual(2);
      seen.push(...body.rooms.map((room: { room_id: string }) => room.room_id));
      from = body.next_batch === undefined ? '' : `&from=${body.next_batch}`;
      if (from !== '') expect((await hierarchy(alice, top, `?max_depth=1${from}`)).status).toBe(400);
    } while (from !== '');
    expect(seen).toEqual([top, ...rooms]);
    for (const query of ['?from=nonsense', '?limit=0', '?max_depth=-1', '?limit=x'])
      expect((await hierarchy(alice, top, query)).status, query).toBe(400);
  });
});

describe('A3.2 who sees a room there', () => {
  test('is who is in it or invited, or could enter it, knock on it or peek into it', async () => {
    const [alice, bob] = [await person(), await person()];
    const closed = { preset: 'private_chat' };
    const state = (type: string, content: object) => ({ ...closed, initial_state: [{ type, state_key: '', content }] });
    const secret = await alice.createRoom(closed);
    const invited = await alice.createRoom({ ...closed, invite: [bob.userId] });
    const peekable = await alice.createRoom(
      state('m.room.history_visibility', { history_visibility: 'world_readable' }),
    );
    const knockable = await alice.createRoom(state('m.room.join_rules', { join_rule: 'knock' }));
    const club = await alice.createRoom();
    const allow = [{ type: 'm.room_membership', room_id: club }];
    const members = await alice.createRoom(state('m.room.join_rules', { join_rule: 'restricted', allow }));
    const banned = await alice.createRoom();
    await alice.roomOk('POST', banned, 'ban', { user_id: bob.userId });
    const top = await newSpace(alice);
    await addChildren(alice, top, [secret, invited, peekable, knockable, members, banned]);
    expect(await roomsOf(bob, top)).toEqual([top, invited, peekable, knockable]);
    await bob.join(club);
    expect(await roomsOf(bob, top)).toEqual([top, invited, peekable, knockable, members]);
    expect(await roomsOf(alice, top)).toEqual([top, secret, invited, peekable, knockable, members, banned]);
    const unknown = await hierarchy(bob, `!${'A'.repeat(43)}`);
    expect(unknown).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect(await hierarchy(bob, secret)).toEqual(unknown);
  });
});

describe('rooms of other servers', () => {
  test('are described by those, and what is closed to the user is left out', async () => {
    const [alice, bob] = [await person(), await person(beta)];
    const inner = await newSpace(bob, { name: 'Inner' });
    const [open, secret] = [await bob.createRoom({ name: 'Open' }), await bob.createRoom({ preset: 'private_chat' })];
    await addChildren(bob, inner, [open, secret], beta.serverName);
    const top = await newSpace(alice);
    const own = await alice.createRoom();
    await addChildren(alice, top, [inner], beta.serverName);
    await alice.setState(top, 'm.space.child', { via: [alpha.serverName], order: 'z' }, own);
    expect(await roomsOf(alice, top)).toEqual([top, inner, open, own]);
    const { body } = await hierarchy(alice, top);
    expect(body.rooms[2]).toMatchObject({ name: 'Open', join_rule: 'public', num_joined_members: 1 });
  });

  test('A1.7 count for nothing where the answer is malformed, endless or about other rooms', async () => {
    const alice = await person();
    const puppet = await startPuppetServer();
    const summary = (room_id: unknown, more: object = {}) => ({ room_id, join_rule: 'public', ...more });
    const name = (n: number) => `!room${n}:${puppet.serverName}`;
    puppet.answers.set('hierarchy', ({ params: [roomId] }) => {
      const children_state = Array.from({ length: 600 }, (_, n) => ({
        type: 'm.space.child',
        state_key: name(n),
        sender: puppet.user('x'),
        origin_server_ts: n,
        content: { via: [puppet.serverName] },
      }));
      if (roomId === name(0)) return { room: summary(name(1)), children: [], inaccessible_children: [] };
      const odd = { name: 7, topic: null, num_joined_members: 'many', children_state };
      return { room: summary(roomId, odd), children: [summary(5), {}, summary(name(2))], inaccessible_children: [] };
    });
    const top = await newSpace(alice);
    const own = await alice.createRoom();
    await addChildren(alice, top, [name(0), name(3), own], puppet.serverName);
    const { body } = await hierarchy(alice, top, '?max_depth=2&limit=50');
    const shown = body.rooms.map((room: { room_id: string }) => room.room_id);
    expect(shown.slice(0, 2)).toEqual([top, name(3)]);
    expect(shown.at(-1)).toBe(own);
    expect(shown).not.toContain(name(0));
    expect(body.rooms[1]).toMatchObject({ num_joined_members: 0, world_readable: false });
    expect(body.rooms[1].name).toBeUndefined();
    expect(body.rooms[1].children_state).toHaveLength(500);
    expect(puppet.calls.length).toBeLessThanOrEqual(10);
  });
});
