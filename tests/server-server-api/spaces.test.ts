import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
let names = 0;

const newPerson = () => Person.register(alpha, `alice${names++}`);
const enter = (roomId: string) => PuppetRoom.join(puppet, alpha.serverName, roomId, puppet.user(`guest${names++}`));
const ask = (roomId: string, query = '') =>
  puppet.call(alpha.serverName, 'GET', `/v1/hierarchy/${encodeURIComponent(roomId)}${query}`);
const idsOf = (rooms: { room_id: string }[]) => rooms.map((room) => room.room_id);

async function space(alice: Person, children: readonly string[], options: Record<string, unknown> = {}) {
  const roomId = await alice.createRoom({ creation_content: { type: 'm.space' }, ...options });
  for (const child of children) await addChild(alice, roomId, child);
  return roomId;
}

const addChild = (alice: Person, roomId: string, child: string, content: object = {}) =>
  alice.setState(roomId, 'm.space.child', { via: [alpha.serverName], ...content }, child);

const restrictedTo = (roomId: string) => ({
  type: 'm.room.join_rules',
  state_key: '',
  content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: roomId }] },
});

describe('a space', () => {
  test('is described with those of its children that the other server could enter or peek into', async () => {
    const alice = await newPerson();
    const closed = await alice.createRoom({ preset: 'private_chat' });
    const peekable = await alice.createRoom({
      preset: 'private_chat',
      initial_state: [
        { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'world_readable' } },
      ],
    });
    const open = await alice.createRoom({ name: 'Open', topic: 'For all' });
    const knockable = await alice.createRoom({ preset: 'private_chat' });
    await alice.setState(knockable, 'm.room.join_rules', { join_rule: 'knock' });
    const club = await alice.createRoom();
    const forMembers = await alice.createRoom({ preset: 'private_chat', initial_state: [restrictedTo(club)] });
    const forOthers = await alice.createRoom({ preset: 'private_chat', initial_state: [restrictedTo(closed)] });
    const elsewhere = `!elsewhere:example.org`;
    await enter(club);
    const roomId = await space(alice, [open, closed, peekable, knockable, forMembers, forOthers, elsewhere]);
    const { status, body, text } = await ask(roomId);
    expect(status, text).toBe(200);
    expect(idsOf(body.children)).toEqual([open, peekable, knockable, forMembers]);
    expect(body.inaccessible_children).toEqual([closed, forOthers]);
    expect(body.room).toMatchObject({ room_id: roomId, room_type: 'm.space', num_joined_members: 1 });
    expect(body.room.children_state).toHaveLength(7);
    expect(body.children[0]).toMatchObject({ name: 'Open', topic: 'For all', join_rule: 'public', children_state: [] });
    expect(body.children[3]).toMatchObject({ join_rule: 'restricted', allowed_room_ids: [club] });
  });

  test('shows its children in their order, and only the suggested ones where those are asked for', async () => {
    const alice = await newPerson();
    const [first, second, third, removed] = await Promise.all([1, 2, 3, 4].map(() => alice.createRoom()));
    const roomId = await space(alice, []);
    await addChild(alice, roomId, third as string);
    await addChild(alice, roomId, second as string, { order: 'b', suggested: true });
    await addChild(alice, roomId, first as string, { order: 'a' });
    await alice.setState(roomId, 'm.space.child', { via: 'no list' }, removed);
    expect(idsOf((await ask(roomId)).body.children)).toEqual([first, second, third]);
    const { body } = await ask(roomId, '?suggested_only=true');
    expect(idsOf(body.children)).toEqual([second]);
    expect(body.room.children_state).toMatchObject([{ state_key: second, content: { order: 'b', suggested: true } }]);
  });

  test('of fifty rooms at most is described in one answer', async () => {
    const alice = await newPerson();
    const open = await alice.createRoom();
    const roomId = await space(alice, []);
    for (let i = 0; i < 52; i++) await addChild(alice, roomId, `!room${i}:example.org`, { order: String(100 + i) });
    await addChild(alice, roomId, open, { order: 'z' });
    const { body } = await ask(roomId);
    expect(body.room.children_state).toHaveLength(53);
    expect(body.children).toEqual([]);
  });
});

test('A3.1 A4.1 a room that does not exist, is not for the server, is shut to it or was left by us gets one answer', async () => {
  const alice = await newPerson();
  const shut = await space(alice, []);
  await enter(shut);
  await alice.setState(shut, 'm.room.server_acl', { allow: ['*.example.org'] });
  const left = await space(alice, []);
  await alice.roomOk('POST', left, 'leave', {});
  const unknown = await ask(`!${'A'.repeat(43)}`);
  expect(unknown).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
  const hidden = [await alice.createRoom({ preset: 'private_chat' }), shut, left, 'no room id'];
  for (const roomId of hidden) {
    const { status, text } = await ask(roomId);
    expect({ status, text }).toEqual({ status: 404, text: unknown.text });
  }
});
