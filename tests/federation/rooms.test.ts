import { describe, expect, test } from 'vitest';
import { supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
const gamma = await startHomeserver();
let names = 0;

const person = (server: typeof alpha, name: string) => Person.register(server, `${name}${names++}`);

async function aliceAndBob() {
  return { alice: await person(alpha, 'alice'), bob: await person(beta, 'bob') };
}

/** A room of alice's on alpha in which bob of beta is. */
async function sharedRoom(options: Record<string, unknown> = {}) {
  const { alice, bob } = await aliceAndBob();
  const roomId = await alice.createRoom(options);
  await bob.join(roomId, [alpha.serverName]);
  return { alice, bob, roomId };
}

describe('joining', () => {
  test('by an alias of the other server', async () => {
    const { alice, bob } = await aliceAndBob();
    const roomId = await alice.createRoom({ room_alias_name: 'lobby', name: 'Lobby' });
    expect(await bob.join(`#lobby:${alpha.serverName}`)).toBe(roomId);
    expect(await bob.membership(roomId)).toBe('join');
    await alice.untilMembership(roomId, bob.userId, 'join');
    expect((await bob.roomOk('GET', roomId, 'state/m.room.name/')).name).toBe('Lobby');
  });

  for (const version of supportedRoomVersions) {
    test(`by invite, in room version ${version}, and both talk`, async () => {
      const { alice, bob } = await aliceAndBob();
      const roomId = await alice.createRoom({ preset: 'private_chat', name: 'Secrets', room_version: version });
      await alice.roomOk('POST', roomId, 'invite', { user_id: bob.userId });
      const state = await bob.untilInvited(roomId);
      expect(state.find((event) => event.type === 'm.room.name')?.content.name).toBe('Secrets');
      await bob.join(roomId);
      await alice.untilMembership(roomId, bob.userId, 'join');
      await alice.say(roomId, 'welcome');
      await bob.untilText(roomId, 'welcome');
      await bob.say(roomId, 'thanks');
      await alice.untilText(roomId, 'thanks');
    });
  }

  test('a room that is not public is refused, with the reason of the other server', async () => {
    const { alice, bob } = await aliceAndBob();
    const roomId = await alice.createRoom({ preset: 'private_chat' });
    const path = `/join/${encodeURIComponent(roomId)}?via=${encodeURIComponent(alpha.serverName)}`;
    expect(await bob.call('POST', path, {})).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  });

  test('a restricted room, as a member of the right room, through a server whose user may invite', async () => {
    const { alice, bob, roomId: club } = await sharedRoom();
    const roomId = await alice.createRoom();
    const allow = [{ type: 'm.room_membership', room_id: club }];
    await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'restricted', allow });
    const carol = await person(gamma, 'carol');
    const via = encodeURIComponent(alpha.serverName);
    const refused = await carol.call('POST', `/join/${encodeURIComponent(roomId)}?via=${via}`, {});
    expect(refused).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    await bob.join(roomId, [alpha.serverName]);
    await bob.say(roomId, 'let in');
    await alice.untilText(roomId, 'let in');
    // Beta is in the room now, but nobody there may invite once that needs power: it asks alpha again.
    const levels = await alice.roomOk('GET', roomId, 'state/m.room.power_levels/');
    await alice.setState(roomId, 'm.room.power_levels', { ...levels, invite: 50 });
    await bob.untilEvent(
      roomId,
      (event) => event.type === 'm.room.power_levels' && event.content.invite === 50,
      'power',
    );
    const dave = await person(beta, 'dave');
    await dave.join(club);
    await alice.untilMembership(club, dave.userId, 'join');
    await dave.join(roomId);
    await alice.untilMembership(roomId, dave.userId, 'join');
    await bob.untilMembership(roomId, dave.userId, 'join');
  });

  test('others in the room hear of it from the server through which somebody came in', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    const carol = await person(gamma, 'carol');
    await carol.join(roomId, [beta.serverName]);
    await alice.untilMembership(roomId, carol.userId, 'join');
    await carol.say(roomId, 'hello everybody');
    await alice.untilText(roomId, 'hello everybody');
    await bob.untilText(roomId, 'hello everybody');
    await alice.say(roomId, 'hello carol');
    await carol.untilText(roomId, 'hello carol');
  });
});

describe('leaving', () => {
  test('an invite that is declined is gone on both servers', async () => {
    const { alice, bob } = await aliceAndBob();
    const roomId = await alice.createRoom({ preset: 'private_chat', invite: [bob.userId] });
    await bob.untilInvited(roomId);
    await bob.roomOk('POST', roomId, 'leave', {});
    await alice.untilMembership(roomId, bob.userId, 'leave');
    expect((await bob.ok('GET', '/sync')).rooms?.invite?.[roomId]).toBeUndefined();
  });

  test('somebody who leaves hears no more, comes back, and reads what is open to those who come', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    await bob.roomOk('POST', roomId, 'leave', {});
    await alice.untilMembership(roomId, bob.userId, 'leave');
    await alice.say(roomId, 'without bob');
    await alice.setState(roomId, 'm.room.topic', { topic: 'changed meanwhile' });
    expect(await bob.texts(roomId)).toEqual([]);
    await bob.join(roomId);
    await alice.untilMembership(roomId, bob.userId, 'join');
    expect((await bob.roomOk('GET', roomId, 'state/m.room.topic/')).topic).toBe('changed meanwhile');
    await bob.say(roomId, 'back again');
    await alice.untilText(roomId, 'back again');
    await alice.say(roomId, 'good');
    await bob.untilText(roomId, 'good');
    expect((await bob.texts(roomId)).sort()).toEqual(['back again', 'good', 'without bob']);
  });

  test('somebody who is kicked is out on both servers', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    await alice.roomOk('POST', roomId, 'kick', { user_id: bob.userId, reason: 'noise' });
    await bob.untilMembership(roomId, bob.userId, 'leave');
    const kick = (await bob.history(roomId)).at(-1);
    expect(kick).toMatchObject({ sender: alice.userId, state_key: bob.userId, content: { reason: 'noise' } });
    expect((await bob.room('PUT', roomId, 'send/m.room.message/1', { body: 'still here?' })).status).toBe(403);
  });

  test('somebody who is banned is out and cannot come back until the ban is lifted', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    await alice.roomOk('POST', roomId, 'ban', { user_id: bob.userId });
    await bob.untilMembership(roomId, bob.userId, 'ban');
    expect((await bob.room('PUT', roomId, 'send/m.room.message/1', { body: 'still here?' })).status).toBe(403);
    const path = `/join/${encodeURIComponent(roomId)}`;
    expect((await bob.call('POST', path, {})).status).toBe(403);
    await alice.roomOk('POST', roomId, 'unban', { user_id: bob.userId });
    await bob.join(roomId);
    await alice.untilMembership(roomId, bob.userId, 'join');
  });

  test('an invite that is taken back is gone', async () => {
    const { alice, bob } = await aliceAndBob();
    const roomId = await alice.createRoom({ preset: 'private_chat', invite: [bob.userId] });
    await bob.untilInvited(roomId);
    await alice.roomOk('POST', roomId, 'kick', { user_id: bob.userId });
    const isGone = async () => (await bob.ok('GET', '/sync')).rooms?.invite?.[roomId] === undefined;
    await bob.until(isGone, 'the end of the invite');
  });
});

describe('in the room', () => {
  test('a message that is deleted is deleted on both servers', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    const eventId = await alice.say(roomId, 'regretted');
    await bob.untilText(roomId, 'regretted');
    await alice.redact(roomId, eventId);
    await bob.untilEvent(roomId, (event) => event.type === 'm.room.redaction', 'the redaction');
    const answer = await bob.roomOk('GET', roomId, `event/${encodeURIComponent(eventId)}`);
    expect(answer.content).toEqual({});
  });

  test('state of one server’s user is state on the other', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    await alice.setState(roomId, 'm.room.topic', { topic: 'gardening' });
    await bob.untilEvent(roomId, (event) => event.type === 'm.room.topic', 'the topic');
    expect((await bob.roomOk('GET', roomId, 'state/m.room.topic/')).topic).toBe('gardening');
  });

  test('typing and receipts cross over', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    const eventId = await alice.say(roomId, 'read this');
    await bob.untilText(roomId, 'read this');
    const typing = `typing/${encodeURIComponent(bob.userId)}`;
    await bob.roomOk('PUT', roomId, typing, { typing: true, timeout: 30_000 });
    await alice.untilSync((answer) => {
      const events = answer.rooms?.join?.[roomId]?.ephemeral?.events ?? [];
      return events.some((event: { content: { user_ids?: string[] } }) => event.content.user_ids?.includes(bob.userId));
    }, 'typing');
    await bob.roomOk('POST', roomId, `receipt/m.read/${encodeURIComponent(eventId)}`, {});
    await alice.untilSync((answer) => {
      const events = answer.rooms?.join?.[roomId]?.ephemeral?.events ?? [];
      // biome-ignore lint/suspicious/noExplicitAny: the content of m.receipt
      return events.some((event: any) => event.content[eventId]?.['m.read']?.[bob.userId] !== undefined);
    }, 'the receipt');
  });

  test('history from before the join is there for those who come later', async () => {
    const { alice, bob } = await aliceAndBob();
    const roomId = await alice.createRoom();
    for (let i = 0; i < 30; i++) await alice.say(roomId, `old ${i}`);
    await bob.join(roomId, [alpha.serverName]);
    const texts = Array.from({ length: 30 }, (_, i) => `old ${i}`);
    expect(await bob.texts(roomId)).toEqual(texts);
    const history = await bob.history(roomId);
    expect(history[0]?.type).toBe('m.room.create');
    expect(history.at(-1)?.state_key).toBe(bob.userId);
  });

  test('what was said before an invite stays hidden where history begins with it', async () => {
    const { alice, bob } = await aliceAndBob();
    const visibility = { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'invited' } };
    const roomId = await alice.createRoom({ preset: 'private_chat', initial_state: [visibility] });
    await alice.say(roomId, 'before the invite');
    await alice.roomOk('POST', roomId, 'invite', { user_id: bob.userId });
    await bob.untilInvited(roomId);
    await alice.say(roomId, 'after the invite');
    await bob.join(roomId);
    expect(await bob.texts(roomId)).toEqual(['after the invite']);
  });

  test('what both say at the same time is there on both servers, in a room that is one', async () => {
    const { alice, bob, roomId } = await sharedRoom();
    const said = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const text = `message ${i}`;
        await (i % 2 === 0 ? alice : bob).say(roomId, text);
        return text;
      }),
    );
    await alice.setState(roomId, 'm.room.name', { name: 'Done' });
    const done = (event: { type: string }) => event.type === 'm.room.name';
    await bob.untilEvent(roomId, done, 'the name');
    await bob.say(roomId, 'seen');
    await alice.untilText(roomId, 'seen');
    expect((await alice.texts(roomId)).sort()).toEqual([...said, 'seen'].sort());
    expect((await bob.texts(roomId)).sort()).toEqual([...said, 'seen'].sort());
  });
});

test('after all this the databases agree with themselves', async () => {
  for (const server of [alpha, beta, gamma]) expect(await brokenRules(server)).toEqual([]);
});
