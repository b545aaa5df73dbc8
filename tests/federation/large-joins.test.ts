import { afterAll, expect, test } from 'vitest';
import type { Event, Pdu } from '../../server/src/protocol/event.ts';
import { referenceTo } from '../../server/src/protocol/event-hashes.ts';
import { hashAndSignEvent } from '../../server/src/protocol/event-signing.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { type LargeRoom, makeLargeRoom } from '../harness/large-room.ts';
import { Person } from '../harness/person.ts';
import { versionNamed } from '../harness/puppet-room.ts';
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
const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 2 });
afterAll(() => db.close());
const alice = await Person.register(alpha, 'alice');
const bob = await Person.register(alpha, 'bob');

test('who enters a large room can speak at once, to everybody in it', async () => {
  await alice.join(room.roomId, [host.serverName]);
  const eventId = await alice.say(room.roomId, 'hello everybody');
  const { joined } = await alice.roomOk('GET', room.roomId, 'joined_members');
  expect(Object.keys(joined)).toHaveLength(MEMBERS + 2);
  for (const { serverName } of puppets) await expect.poll(() => heard.get(serverName)?.length).toBe(1);
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
  const counted = await db.query(
    `SELECT server, joined_members AS joined FROM room_servers JOIN rooms ON nid = room_nid WHERE room_id = $1 ORDER BY server`,
    [room.roomId],
  );
  const share = MEMBERS / puppets.length;
  const expected = puppets.map(({ serverName: server }) => ({
    server,
    joined: server === host.serverName ? share + 1 : share,
  }));
  const byName = (a: { server: string }, b: { server: string }) => (a.server < b.server ? -1 : 1);
  expect(counted).toEqual([...expected, { server: alpha.serverName, joined: 2 }].sort(byName));
});

/** Events of a room that are stored, with its members and its state. */
async function storedOf(roomId: string): Promise<number> {
  const [row] = await db.query<{ rows: number }>(
    `SELECT (SELECT count(*) FROM events e WHERE e.room_nid = r.nid) + (SELECT count(*) FROM memberships m WHERE m.room_nid = r.nid)
      + (SELECT count(*) FROM current_state s WHERE s.room_nid = r.nid) AS rows FROM rooms r WHERE r.room_id = $1`,
    [roomId],
  );
  return row?.rows ?? 0;
}

/** What the creator of a room makes of somebody's membership. @param before the membership of that user before, if any */
function membershipByCreator(
  { roomId, state }: LargeRoom,
  userId: string,
  membership: string,
  before: readonly Event[],
) {
  const version = versionNamed('11');
  const [create, creator] = state;
  const rules = state.find(({ pdu }) => pdu.type === 'm.room.power_levels');
  if (rules === undefined || create === undefined || creator === undefined) throw new Error('no room');
  const template = {
    type: 'm.room.member',
    room_id: roomId,
    sender: host.user('creator'),
    state_key: userId,
    content: { membership },
    origin_server_ts: Date.now(),
    depth: 10,
    prev_events: [referenceTo(creator, version)],
    auth_events: [create, creator, rules, ...before].map((event) => referenceTo(event, version)),
  };
  return hashAndSignEvent(template, version, host.serverName, host.key);
}

test('what a server tells of the state counts in whatever order: a kick comes long before the one who kicked', async () => {
  const shuffled = makeLargeRoom(puppets, MEMBERS);
  const [create, creator, ...others] = shuffled.state;
  const kicked = others.find(({ pdu }) => pdu.type === 'm.room.member');
  if (create === undefined || creator === undefined || kicked === undefined) throw new Error('no room');
  const userId = kicked.pdu.state_key ?? '';
  const kick = membershipByCreator(shuffled, userId, 'leave', [kicked]);
  const told = [kick, ...others.filter((event) => event !== kicked), create, creator];
  shuffled.serve(
    told.map(({ pdu }) => pdu),
    [kicked.pdu],
  );
  await alice.join(shuffled.roomId, [host.serverName]);
  const { joined } = await alice.roomOk('GET', shuffled.roomId, 'joined_members');
  expect(Object.keys(joined)).toHaveLength(MEMBERS + 1);
  expect(joined).not.toHaveProperty([userId]);
  expect(await alice.roomOk('GET', shuffled.roomId, `state/m.room.member/${userId}`)).toEqual({ membership: 'leave' });
});

test('A1.1 A1.2 A1.5 each of very many events is checked like one alone, also beside one whose numbers no room allows', async () => {
  const told = makeLargeRoom(puppets, MEMBERS);
  const version = versionNamed('11');
  const signedAnew = ({ hashes: _hashes, signatures: _signatures, ...pdu }: Pdu, content: JsonObject) =>
    hashAndSignEvent({ ...pdu, origin_server_ts: Date.now(), content }, version, host.serverName, host.key).pdu;
  const ways: ((pdu: Pdu) => JsonObject)[] = [
    (pdu) => ({ ...pdu, content: { ...pdu.content, displayname: 'somebody else' } }),
    (pdu) => ({ ...pdu, depth: 77 }),
    (pdu) => ({ ...pdu, room_id: '!elsewhere:example.org' }),
    (pdu) => ({ ...pdu, content: { ...pdu.content, n: 1.5 } }),
    (pdu) => ({ ...pdu, unsigned: { age: 5 } }),
    (pdu) => signedAnew(pdu, JSON.parse('{"membership":"join","displayname":"by name","__proto__":{"a":1}}')),
  ];
  // The piece that holds the broken number is checked by other means than the one before it.
  const first = told.state.filter(({ pdu }) => pdu.sender.startsWith('@member')).filter((_, n) => n % 3 === 0);
  const groups = [first.slice(0, ways.length), first.slice(-ways.length)] as const;
  const changed = new Map<unknown, JsonObject>();
  for (const [group, events] of groups.entries())
    for (const [way, { pdu }] of events.entries())
      if (group === 1 || way !== 3) changed.set(pdu, ways[way]?.(pdu) ?? {});
  told.serve(told.state.map(({ pdu }) => changed.get(pdu) ?? pdu));
  await alice.join(told.roomId, [host.serverName]);
  const { joined } = await alice.roomOk('GET', told.roomId, 'joined_members');
  for (const [group, events] of groups.entries()) {
    const [redacted, forged, elsewhere, broken, whole, odd] = events.map(({ pdu }) => joined[pdu.sender]);
    expect(redacted).not.toHaveProperty('display_name');
    expect([forged, elsewhere]).toEqual([undefined, undefined]);
    expect(broken === undefined).toBe(group === 1);
    expect(whole.display_name).toMatch(/^Member number/);
    expect(odd.display_name).toBe('by name');
    const path = `state/m.room.member/${events.at(-1)?.pdu.sender}`;
    expect(Object.keys(await alice.roomOk('GET', told.roomId, path))).toContain('__proto__');
  }
  expect(Object.keys(joined)).toHaveLength(MEMBERS + 2 - 5);
});

test('nothing of a room is kept that turns out not to let the user in, after most of it has gone to the database', async () => {
  const closed = makeLargeRoom(puppets, MEMBERS);
  const { state } = closed;
  const ban = membershipByCreator(closed, alice.userId, 'ban', []);
  const pdus = state.map(({ pdu }) => pdu);
  closed.serve([...pdus, ban.pdu]);
  const refused = await alice.call('POST', `/join/${encodeURIComponent(closed.roomId)}?via=${host.serverName}`, {});
  expect(refused).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  expect(await storedOf(closed.roomId)).toBe(0);

  closed.serve(pdus);
  await alice.join(closed.roomId, [host.serverName]);
  expect(await storedOf(closed.roomId)).toBeGreaterThan(3 * MEMBERS);
});

test('nothing of a room is kept whose join is cut off while it is written', async () => {
  const cut = makeLargeRoom(puppets, MEMBERS);
  cut.serve();
  // Whoever writes the state waits here, with most of the events written.
  const { promise: isCut, resolve } = Promise.withResolvers<void>();
  const { promise: isHeld, resolve: held } = Promise.withResolvers<void>();
  const holding = db.transaction(async (tx) => {
    await tx.query('LOCK TABLE current_state IN EXCLUSIVE MODE');
    held();
    await isCut;
  });
  await isHeld;
  const joining = alice.call('POST', `/join/${encodeURIComponent(cut.roomId)}?via=${host.serverName}`, {});
  const killed = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO current_state%'`;
  await expect.poll(async () => (await db.query(killed)).length).toBe(1);
  resolve();
  await holding;
  expect((await joining).status).toBe(503);
  expect(await storedOf(cut.roomId)).toBe(0);

  await alice.join(cut.roomId, [host.serverName]);
  await alice.say(cut.roomId, 'here after all');
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
