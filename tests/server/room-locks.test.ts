import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { registerClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver();
const db = openDatabase({ connection: server.databaseUrl, poolSize: 2 });
afterAll(() => db.close());

test('A8.2 who writes to a room that another process holds waits in the database, without asking again, and holds up no other room', async () => {
  const ana = await registerClient(server.baseUrl, 'ana');
  const held = await ana.createRoom();
  const free = await ana.createRoom();
  const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  let sent: Promise<string> | undefined;
  await db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM rooms WHERE room_id = $1 FOR NO KEY UPDATE', [held]);
    sent = ana.say(held, 'waits');
    await expect.poll(() => db.query(waiting)).toHaveLength(1);
    await ana.say(free, 'does not wait');
    expect(await db.query(waiting)).toHaveLength(1);
  });
  expect(await sent).toMatch(/^\$/);
});
