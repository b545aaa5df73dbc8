import { expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { makeLargeRoom } from '../harness/large-room.ts';
import { Person } from '../harness/person.ts';
import { type PuppetServer, startPuppetServer } from '../harness/puppet-server.ts';

/** More than go into one statement. */
const MEMBERS = 1_200;

const alpha = await startHomeserver();
const puppets = [await startPuppetServer(), await startPuppetServer(), await startPuppetServer()];
const [host] = puppets as [PuppetServer];
const room = makeLargeRoom(puppets, MEMBERS);
room.serve();
// biome-ignore lint/suspicious/noExplicitAny: events of every shape
const heard = new Map<string, any[]>(puppets.map(({ serverName }) => [serverName, []]));
for (const { serverName, answers } of puppets)
  answers.set('send', ({ body }) => {
    heard.get(serverName)?.push(...body.pdus);
    return { pdus: {} };
  });
const alice = await Person.register(alpha, 'alice');
const bob = await Person.register(alpha, 'bob');

test('who enters a large room can speak at once, to everybody in it', async () => {
  await alice.join(room.roomId, [host.serverName]);
  const eventId = await alice.say(room.roomId, 'hello everybody');
  const { joined } = await alice.roomOk('GET', room.roomId, 'joined_members');
  expect(Object.keys(joined)).toHaveLength(MEMBERS + 2);
  for (const { serverName } of puppets)
    await expect.poll(() => heard.get(serverName)?.length, { timeout: 20_000 }).toBe(1);
  // The join itself they have from the server through which it was made.
  for (const pdus of heard.values()) expect(pdus).toMatchObject([{ content: { body: 'hello everybody' } }]);
  expect((await alice.history(room.roomId)).some((event) => event.event_id === eventId)).toBe(true);
});

test('the next one of the server enters by its side, and sees who is there', async () => {
  await bob.join(room.roomId);
  const sync = await bob.ok('GET', '/sync');
  expect(sync.rooms.join[room.roomId].summary).toMatchObject({ 'm.joined_member_count': MEMBERS + 3 });
  await alice.untilMembership(room.roomId, bob.userId, 'join');
});

test('the counts of members by server are those of the memberships', async () => {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const counted = await db.query(
    `SELECT server, joined_members AS joined FROM room_servers JOIN rooms ON nid = room_nid WHERE room_id = $1 ORDER BY server`,
    [room.roomId],
  );
  await db.close();
  const share = MEMBERS / puppets.length;
  const expected = puppets.map(({ serverName: server }) => ({
    server,
    joined: server === host.serverName ? share + 1 : share,
  }));
  const byName = (a: { server: string }, b: { server: string }) => (a.server < b.server ? -1 : 1);
  expect(counted).toEqual([...expected, { server: alpha.serverName, joined: 2 }].sort(byName));
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
