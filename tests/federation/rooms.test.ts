import { expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
let people = 0;
const name = (base: string) => `${base}${people++}`;

test('somebody joins a room of another server by its alias', async () => {
  const alice = await Person.register(alpha, name('alice'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await alice.createRoom({ room_alias_name: 'lobby', name: 'Lobby' });
  expect(await bob.join(`#lobby:${alpha.serverName}`)).toBe(roomId);
  expect(await bob.membership(roomId)).toBe('join');
  expect(await alice.membership(roomId, bob.userId)).toBe('join');
  expect((await bob.roomOk('GET', roomId, 'state/m.room.name/')).name).toBe('Lobby');
});

test('somebody joins a private room of another server by invite', async () => {
  const alice = await Person.register(alpha, name('alice'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await alice.createRoom({ preset: 'private_chat', name: 'Secrets' });
  await alice.roomOk('POST', roomId, 'invite', { user_id: bob.userId });
  const state = await bob.untilInvited(roomId);
  expect(state.find((event) => event.type === 'm.room.name')?.content.name).toBe('Secrets');
  await bob.join(roomId);
  expect(await alice.membership(roomId, bob.userId)).toBe('join');
});

test('an invite that is declined is gone on both servers', async () => {
  const alice = await Person.register(alpha, name('alice'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await alice.createRoom({ preset: 'private_chat', invite: [bob.userId] });
  await bob.untilInvited(roomId);
  await bob.roomOk('POST', roomId, 'leave', {});
  expect(await alice.membership(roomId, bob.userId)).toBe('leave');
});
