import { expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { registerClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

test('users whose accounts were closed when the server ended leave their rooms when it starts again, and nobody else does', async () => {
  const one = await startHomeserver();
  const [ana, ben, cem] = [
    await registerClient(one.baseUrl, 'ana'),
    await registerClient(one.baseUrl, 'ben'),
    await registerClient(one.baseUrl, 'cem'),
  ];
  const rooms = [await ana.createRoom({ preset: 'public_chat' }), await ana.createRoom({ preset: 'public_chat' })];
  for (const room of rooms) for (const person of [ben, cem]) await person.join(room);
  const db = openDatabase({ connection: one.databaseUrl, poolSize: 1 });
  // What a server leaves that ends right after the account is closed.
  await db.query('UPDATE accounts SET is_deactivated = true WHERE user_id = $1', [ben.userId]);
  await db.close();

  await startHomeserver({
    databaseUrl: one.databaseUrl,
    federationPort: 0,
    settings: { server_name: one.serverName },
  });
  for (const room of rooms) {
    const members = async () =>
      Object.keys((await ana.ok('GET', `v3/rooms/${encodeURIComponent(room)}/joined_members`)).joined).sort();
    await expect.poll(members).toEqual([ana.userId, cem.userId]);
  }
});
