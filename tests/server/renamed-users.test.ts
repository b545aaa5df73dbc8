import { expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { registerClient } from '../harness/client.ts';
import { spawnHomeserver, startHomeserver } from '../harness/homeserver.ts';

const ROOMS = 4;

test('whoever got a new name right before the server was killed has it in all rooms after the next start, once in each', async () => {
  const killed = await spawnHomeserver();
  const ana = await registerClient(killed.baseUrl, 'ana');
  const rooms: string[] = [];
  for (let n = 0; n < ROOMS; n++) rooms.push(await ana.createRoom({ preset: 'public_chat' }));
  const db = openDatabase({ connection: killed.databaseUrl, poolSize: 2 });
  const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  await db.transaction(async (tx) => {
    // One room cannot be written to: this is where the server gets to.
    await tx.query('SELECT FROM rooms WHERE room_id = $1 FOR UPDATE', [rooms[1]]);
    await ana.ok('PUT', `v3/profile/${ana.userId}/displayname`, { displayname: 'Ana the Second' });
    await expect.poll(async () => (await db.query(waiting)).length).toBe(1);
    await killed.kill('SIGKILL');
  });
  const names = `SELECT room_id, display_name AS name, (SELECT count(*) FROM events e WHERE e.room_nid = m.room_nid
      AND e.type = 'm.room.member' AND e.position IS NOT NULL) AS events
    FROM memberships m JOIN rooms ON nid = room_nid WHERE user_id = $1 ORDER BY room_id`;
  const shown = async () => await db.query<{ name: string; events: number }>(names, [ana.userId]);
  expect((await shown()).filter(({ name }) => name === 'Ana the Second').length).toBeLessThan(ROOMS);

  const again = { databaseUrl: killed.databaseUrl, settings: { server_name: killed.serverName } };
  await Promise.all([
    startHomeserver({ ...again, federationPort: 0 }),
    startHomeserver({ ...again, federationPort: 0 }),
  ]);
  const unshown = 'SELECT FROM profiles WHERE member_changes > member_changes_shown';
  await expect.poll(async () => (await db.query(unshown)).length).toBe(0);
  const expected = rooms.toSorted().map((room_id) => ({ room_id, name: 'Ana the Second', events: 2 }));
  expect(await shown()).toEqual(expected);
  await db.close();
});
