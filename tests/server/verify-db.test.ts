import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { enc, registerClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const run = promisify(execFile);

const alpha = await startHomeserver();
const beta = await startHomeserver();

async function verify(server: { serverName: string; databaseUrl: string }): Promise<{ code: number; output: string }> {
  const env = { ...process.env, PARLEY_SERVER_NAME: server.serverName, PARLEY_DATABASE_URL: server.databaseUrl };
  try {
    return { code: 0, output: (await run(process.execPath, [MAIN, 'verify-db'], { env })).stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, output: stdout };
  }
}

describe('verify-db', () => {
  it('finds nothing wrong after rooms with forks, backfill, redactions and departures on two servers', async () => {
    const ana = await registerClient(alpha.baseUrl, 'ana');
    const ben = await registerClient(beta.baseUrl, 'ben');
    const roomId = await ana.createRoom({ preset: 'public_chat', room_alias_name: 'shared' });
    for (let index = 0; index < 30; index++) await ana.say(roomId, `before ${index}`);
    await ben.join(`#shared:${alpha.serverName}`);
    await ben.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=100`);
    const both = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? ana : ben).say(roomId, `both ${index}`));
    const [first] = await Promise.all(both);
    await ana.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(first ?? '')}/r`, {});
    await ana.setState(roomId, 'm.room.topic', { topic: 'x' });
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/kick`, { user_id: ben.userId });
    await ben.syncUntil(undefined, (answer) => (answer.rooms?.join?.[roomId] === undefined ? true : undefined));
    for (const server of [alpha, beta]) {
      const { code, output } = await verify(server);
      expect(output.split('\n').filter((line) => !line.startsWith('ok'))).toEqual([
        expect.stringMatching(/^\d+ events, \d+ rules, 0 broken$/),
        '',
      ]);
      expect(code).toBe(0);
    }
  });

  it('reports every kind of damage by the rule that it breaks', async () => {
    const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
    const damages = [
      `UPDATE events SET pdu = replace(pdu, 'before 3"', 'before 4"')`,
      `DELETE FROM current_state WHERE state_key_nid = (SELECT nid FROM state_keys WHERE type = 'm.room.topic')`,
      'UPDATE rooms SET extremities = extremities || (SELECT min(nid) FROM events)',
      'DELETE FROM log WHERE position = (SELECT max(position) - 3 FROM log)',
      'UPDATE auth_chains SET chain = event_nid, sequence = 1 WHERE sequence = 2',
      'DELETE FROM auth_chains WHERE event_nid = (SELECT min(event_nid) FROM auth_chains)',
      'UPDATE room_servers SET joined_members = joined_members + 1',
    ];
    for (const damage of damages) await db.query(damage);
    await db.close();
    const { code, output } = await verify(alpha);
    expect(code).toBe(1);
    for (const rule of [
      'the content of an event fits its hash, unless it was redacted on arrival',
      'the current state is the state of the room’s snapshot',
      'forward extremities are the accepted events of the graph that no other names as previous',
      'the log has no gap behind its first position',
      'auth chains lead to the auth events of their events, and to nothing else',
      'state events that others can rest upon have their places in the auth chains',
      'servers in a room have as many members as are counted',
    ])
      expect(output).toContain(`FAIL ${rule}`);
  });
});
