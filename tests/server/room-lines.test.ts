import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { clientOf, enc, registerClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const one = await startHomeserver();
const two = await startHomeserver({
  databaseUrl: one.databaseUrl,
  federationPort: 0,
  settings: { server_name: one.serverName },
});
const db = openDatabase({ connection: one.databaseUrl, poolSize: 2 });
afterAll(() => db.close());

const ana = await registerClient(one.baseUrl, 'ana');
const anaOnTwo = clientOf(two.baseUrl, ana);

/** Ids of a room's messages in the order of its timeline; fails unless the room's events form one line in just that order. */
async function line(roomId: string): Promise<string[]> {
  const events = await db.query<{ nid: number; event_id: string; type: string; prev_events: number[] }>(
    `SELECT nid, event_id, type, prev_events FROM events WHERE room_nid = (SELECT nid FROM rooms WHERE room_id = $1)
     ORDER BY position`,
    [roomId],
  );
  expect(events.map((event) => event.prev_events)).toEqual([[], ...events.slice(0, -1).map((event) => [event.nid])]);
  const [room] = await db.query('SELECT extremities FROM rooms WHERE room_id = $1', [roomId]);
  expect(room?.extremities).toEqual([events.at(-1)?.nid]);
  return events.filter((event) => event.type === 'm.room.message').map((event) => event.event_id);
}

test('messages sent at the same moment form one line in each room, and all of them are in it', async () => {
  const rooms = await Promise.all([ana.createRoom(), ana.createRoom(), ana.createRoom()]);
  const sent = await Promise.all(
    Array.from({ length: 120 }, (_, n) => ana.say(rooms[n % 3] ?? '', `message ${n}`, `at-once-${n}`)),
  );
  for (const [index, room] of rooms.entries())
    expect((await line(room)).sort()).toEqual(sent.filter((_, n) => n % 3 === index).sort());
});

test('messages of one client that waits for each answer stand in the order in which they were sent, while others talk', async () => {
  const room = await ana.createRoom();
  const others = Promise.all(Array.from({ length: 60 }, (_, n) => ana.say(room, `other ${n}`, `other-${n}`)));
  const sent: string[] = [];
  for (let n = 0; n < 20; n++) sent.push(await ana.say(room, `in order ${n}`));
  await others;
  expect((await line(room)).filter((id) => sent.includes(id))).toEqual(sent);
});

test('a message rests on what another process wrote a moment ago, though this one knows an older end of the room', async () => {
  const room = await ana.createRoom();
  const sent: string[] = [];
  for (let n = 0; n < 12; n++) sent.push(await (n % 3 === 2 ? anaOnTwo : ana).say(room, `message ${n}`));
  expect(await line(room)).toEqual(sent);
});

test('two processes that write to one room at the same time make one line of it', async () => {
  const room = await ana.createRoom();
  const sent = await Promise.all(
    Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? ana : anaOnTwo).say(room, `message ${n}`, `both-${n}`)),
  );
  expect((await line(room)).sort()).toEqual(sent.sort());
});

test('messages that rest on some that could not be written at once are written with them, each once', async () => {
  const [held, free] = [await ana.createRoom(), await ana.createRoom()];
  await ana.say(held, 'so that its end is known');
  let sent: Promise<string[]> | undefined;
  await db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM rooms WHERE room_id = $1 FOR NO KEY UPDATE', [held]);
    sent = Promise.all(
      Array.from({ length: 40 }, (_, n) => ana.say(n % 2 === 0 ? held : free, `message ${n}`, `held-${n}`)),
    );
    await expect.poll(() => line(free)).toHaveLength(20);
  });
  const ids = (await sent) ?? [];
  expect((await line(held)).slice(1).sort()).toEqual(ids.filter((_, n) => n % 2 === 0).sort());
});

test('a request that is repeated while its first is on the way to the disk is answered with the same event', async () => {
  const room = await ana.createRoom();
  await ana.say(room, 'so that its end is known');
  const sent = await Promise.all(
    Array.from({ length: 60 }, (_, n) => ana.say(room, 'once', n % 3 === 0 ? `alone-${n}` : 'repeated')),
  );
  expect(new Set(sent).size).toBe(21);
  expect(await line(room)).toHaveLength(22);
});

test('nobody has a message in the room after their ban, however many are on the way', async () => {
  const ben = await registerClient(one.baseUrl, 'ben');
  const room = await ana.createRoom({ preset: 'public_chat' });
  await ben.join(room);
  await ana.say(room, 'so that its end is known');
  const path = (n: number) => `v3/rooms/${enc(room)}/send/m.room.message/ben-${n}`;
  const say = (n: number) => ben.request('PUT', path(n), { msgtype: 'm.text', body: `message ${n}` });
  const before = Array.from({ length: 20 }, (_, n) => say(n));
  const ban = ana.ok('POST', `v3/rooms/${enc(room)}/ban`, { user_id: ben.userId });
  const after = Array.from({ length: 20 }, (_, n) => say(20 + n));
  const answers = await Promise.all([...before, ...after]);
  await ban;
  const refused = await say(40);
  expect([refused.status, (refused.body as { errcode: string }).errcode]).toEqual([403, 'M_FORBIDDEN']);
  const rows = await db.query<{ is_late: boolean }>(
    `SELECT e.position > ban.position AS is_late FROM events e, events ban WHERE ban.room_nid = e.room_nid AND e.sender = $1
     AND e.type = 'm.room.message' AND ban.pdu::json #>> '{content,membership}' = 'ban'`,
    [ben.userId],
  );
  expect(rows.map((row) => row.is_late)).toEqual(answers.filter(({ status }) => status === 200).map(() => false));
});
