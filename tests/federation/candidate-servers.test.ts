import { expect, test } from 'vitest';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
const gamma = await startHomeserver();
const DEAD = 'localhost:1';
let names = 0;

const person = (server: typeof alpha) => Person.register(server, `person${names++}`);

async function join(who: Person, roomId: string, via: readonly string[]) {
  const query = via.map((server) => `via=${encodeURIComponent(server)}`).join('&');
  return await who.call('POST', `/join/${encodeURIComponent(roomId)}?${query}`, {});
}

test('a join goes on past servers that are dead, not in the room, or lie about it', async () => {
  const [alice, bob] = [await person(alpha), await person(beta)];
  const roomId = await alice.createRoom();
  const liar = await startPuppetServer();
  const other = PuppetRoom.create(liar);
  other.serve();
  const honest = liar.answers.get('make_join');
  liar.answers.set('make_join', async (request) => {
    const made = (await honest?.(request)) as { event: object };
    return { ...made, event: { ...made.event, room_id: roomId } };
  });
  expect((await join(bob, roomId, [DEAD, gamma.serverName, liar.serverName, alpha.serverName])).status).toBe(200);
  expect(liar.calls).toEqual(['make_join', 'send_join']);
  await alice.untilMembership(roomId, bob.userId, 'join');
  await bob.say(roomId, 'in');
  await alice.untilText(roomId, 'in');
});

test('a restricted join goes on to the server that can let the user in', async () => {
  const [alice, carol] = [await person(alpha), await person(gamma)];
  const club = await alice.createRoom();
  const roomId = await alice.createRoom();
  // Gamma is in the room, but not in the club, so that it cannot tell who is a member of it.
  await carol.join(roomId, [alpha.serverName]);
  const allow = [{ type: 'm.room_membership', room_id: club }];
  await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'restricted', allow });
  await carol.untilEvent(roomId, (event) => event.content.join_rule === 'restricted', 'the rule');
  const bob = await person(beta);
  expect(await join(bob, roomId, [gamma.serverName])).toMatchObject({
    status: 400,
    body: { errcode: 'M_UNABLE_TO_AUTHORISE_JOIN' },
  });
  for (const order of [
    [gamma.serverName, alpha.serverName],
    [alpha.serverName, gamma.serverName],
  ])
    expect(await join(bob, roomId, order)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  await bob.join(club, [alpha.serverName]);
  expect((await join(bob, roomId, [gamma.serverName, alpha.serverName])).status).toBe(200);
  await carol.untilMembership(roomId, bob.userId, 'join');
});

test('why the room refuses is told, whatever other servers said before or after', async () => {
  const [alice, bob] = [await person(alpha), await person(beta)];
  const roomId = await alice.createRoom({ preset: 'private_chat' });
  const via = [DEAD, alpha.serverName, gamma.serverName];
  for (const order of [via, via.toReversed()])
    expect(await join(bob, roomId, order)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  expect((await join(bob, roomId, [DEAD])).status).toBe(502);
});

test('after all this the databases agree with themselves', async () => {
  for (const server of [alpha, beta, gamma]) expect(await brokenRules(server)).toEqual([]);
});
