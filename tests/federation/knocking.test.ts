import { describe, expect, test } from 'vitest';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person, type SeenEvent } from '../harness/person.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
const gamma = await startHomeserver();
let names = 0;

const person = (server: typeof alpha, name: string) => Person.register(server, `${name}${names++}`);

async function knock(who: Person, room: string, via: readonly string[], body: object = {}) {
  const query = via.map((server) => `via=${encodeURIComponent(server)}`).join('&');
  return await who.call('POST', `/knock/${encodeURIComponent(room)}?${query}`, body);
}

async function knockableRoom(alice: Person, options: Record<string, unknown> = {}) {
  const roomId = await alice.createRoom({ preset: 'private_chat', name: 'Club', ...options });
  await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' });
  return roomId;
}

/** Stripped state of a room that somebody has knocked on, once they are shown it. */
const untilKnocked = (who: Person, roomId: string) =>
  who.untilSync((answer) => answer.rooms?.knock?.[roomId]?.knock_state.events, 'the knock');

/** Waits for the end of a knock. @returns the event that ended it */
async function untilLeft(who: Person, roomId: string): Promise<SeenEvent> {
  const filter = encodeURIComponent(JSON.stringify({ room: { include_leave: true } }));
  let left: SeenEvent | undefined;
  await who.until(async () => {
    left = (await who.ok('GET', `/sync?filter=${filter}`)).rooms?.leave?.[roomId]?.timeline.events.at(-1);
    return left !== undefined;
  }, 'the end of the knock');
  return left as SeenEvent;
}

describe('knocking on a room of another server', () => {
  for (const version of ['10', '11', '12']) {
    test(`by its alias, and being let in (room version ${version})`, async () => {
      const [alice, bob] = [await person(alpha, 'alice'), await person(beta, 'bob')];
      const name = `club${names++}`;
      const roomId = await knockableRoom(alice, { room_alias_name: name, room_version: version });
      const answer = await knock(bob, `#${name}:${alpha.serverName}`, [], { reason: 'please' });
      expect(answer).toEqual({ status: 200, body: { room_id: roomId } });
      const state = await untilKnocked(bob, roomId);
      expect(state.find((event: { type: string }) => event.type === 'm.room.name').content.name).toBe('Club');
      expect(state.find((event: { state_key: string }) => event.state_key === bob.userId).content).toMatchObject({
        membership: 'knock',
        reason: 'please',
      });
      await alice.untilMembership(roomId, bob.userId, 'knock');
      await alice.roomOk('POST', roomId, 'invite', { user_id: bob.userId });
      await bob.untilInvited(roomId);
      await bob.join(roomId);
      await bob.say(roomId, 'thanks');
      await alice.untilText(roomId, 'thanks');
    });
  }

  test('and being refused, by a moderator of the server that took it or of another one', async () => {
    const [alice, carol] = [await person(alpha, 'alice'), await person(gamma, 'carol')];
    const roomId = await knockableRoom(alice);
    await alice.roomOk('POST', roomId, 'invite', { user_id: carol.userId });
    await carol.untilInvited(roomId);
    await carol.join(roomId);
    for (const via of [alpha, gamma]) {
      const bob = await person(beta, 'bob');
      expect((await knock(bob, roomId, [via.serverName])).status).toBe(200);
      await alice.untilMembership(roomId, bob.userId, 'knock');
      await alice.roomOk('POST', roomId, 'kick', { user_id: bob.userId, reason: 'no room' });
      expect((await untilLeft(bob, roomId)).content).toMatchObject({ membership: 'leave', reason: 'no room' });
    }
  });

  test('and taking it back', async () => {
    const [alice, bob] = [await person(alpha, 'alice'), await person(beta, 'bob')];
    const roomId = await knockableRoom(alice);
    await knock(bob, roomId, [alpha.serverName]);
    await alice.untilMembership(roomId, bob.userId, 'knock');
    await bob.roomOk('POST', roomId, 'leave', {});
    await alice.untilMembership(roomId, bob.userId, 'leave');
    expect((await bob.ok('GET', '/sync')).rooms?.knock?.[roomId]).toBeUndefined();
    expect((await knock(bob, roomId, [alpha.serverName])).status).toBe(200);
    await alice.untilMembership(roomId, bob.userId, 'knock');
  });

  test('goes on to the next server where one is dead, refuses or lies, and tells why the room itself refuses', async () => {
    const [alice, bob] = [await person(alpha, 'alice'), await person(beta, 'bob')];
    const roomId = await knockableRoom(alice);
    const liar = await startPuppetServer();
    liar.answers.set('make_knock', ({ params: [room] }) => ({
      room_version: '12',
      event: { type: 'm.room.member', room_id: room, sender: alice.userId, state_key: alice.userId, content: {} },
    }));
    const through = ['localhost:1', gamma.serverName, liar.serverName, alpha.serverName];
    expect((await knock(bob, roomId, through)).status).toBe(200);
    expect(liar.calls).toEqual(['make_knock']);
    await alice.untilMembership(roomId, bob.userId, 'knock');
    const closed = await alice.createRoom({ preset: 'private_chat' });
    for (const order of [through, through.toReversed()])
      expect(await knock(bob, closed, order)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect((await knock(bob, closed, ['localhost:1'])).status).toBe(502);
    expect((await knock(bob, `!${'A'.repeat(43)}`, [])).status).toBe(404);
  });
});

describe('knocking on a room of one’s own server', () => {
  test('puts the knock into the room, where the next one may be let in or refused', async () => {
    const [alice, bob] = [await person(alpha, 'alice'), await person(alpha, 'bob')];
    const roomId = await knockableRoom(alice);
    expect(await knock(bob, roomId, [])).toEqual({ status: 200, body: { room_id: roomId } });
    expect((await knock(bob, roomId, [])).status).toBe(200);
    const state = await untilKnocked(bob, roomId);
    const types = state.map((event: { type: string }) => event.type).sort();
    expect(types).toEqual(['m.room.create', 'm.room.join_rules', 'm.room.member', 'm.room.name']);
    const knocks = (await alice.history(roomId)).filter((event) => event.content.membership === 'knock');
    expect(knocks).toHaveLength(1);
    await alice.roomOk('POST', roomId, 'kick', { user_id: bob.userId });
    await untilLeft(bob, roomId);
    expect((await knock(bob, await alice.createRoom({ preset: 'private_chat' }), [])).status).toBe(403);
  });

  test('works by setting one’s membership too, and for nobody else', async () => {
    const [alice, bob] = [await person(alpha, 'alice'), await person(alpha, 'bob')];
    const roomId = await knockableRoom(alice);
    const member = (userId: string) => `state/m.room.member/${encodeURIComponent(userId)}`;
    const content = { membership: 'knock' };
    const { event_id: eventId } = await bob.roomOk('PUT', roomId, member(bob.userId), content);
    const seen = await alice.untilEvent(roomId, (event) => event.event_id === eventId, 'the knock');
    expect(seen).toMatchObject({ state_key: bob.userId, content });
    const carol = await person(alpha, 'carol');
    expect((await bob.room('PUT', roomId, member(carol.userId), content)).status).toBe(403);
  });
});

test('after all this the databases agree with themselves', async () => {
  for (const server of [alpha, beta, gamma]) expect(await brokenRules(server)).toEqual([]);
});
