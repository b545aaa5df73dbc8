import { beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { growRoom, type SharedRoom } from '../bench/grown-room.ts';
import { atEnd } from '../harness/at-end.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';
import { expectOk, registerClient } from '../torture/matrix-client.ts';

const MEMBERS = 200;

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
atEnd(() => db.close());

beforeAll(async () => {
  const owner = await registerClient([alpha.baseUrl], 'owner');
  const made = await expectOk(owner.call('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat' }));
  const room = await PuppetRoom.join(puppet, alpha.serverName, String(made.room_id), puppet.user('first'));
  const shared: SharedRoom = { serverName: alpha.serverName, owner, puppet, room };
  await growRoom(shared, MEMBERS);
});

async function numberOf(sql: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(`SELECT (${sql})::float8 AS n`);
  return row?.n ?? Number.NaN;
}

const STATE_EVENTS = 'SELECT count(*) FROM events WHERE state_key_nid IS NOT NULL';

test('any state of a room that grew on branches is few rows', async () => {
  expect(await numberOf(STATE_EVENTS)).toBeGreaterThan(MEMBERS);
  const longest = await numberOf(`WITH RECURSIVE chain (id, parent, length) AS (
      SELECT id, parent, 1 FROM state_snapshots WHERE parent IS NULL
      UNION ALL SELECT s.id, s.parent, chain.length + 1 FROM chain JOIN state_snapshots s ON s.parent = chain.id)
    SELECT max(length) FROM chain`);
  expect(longest).toBeGreaterThan(1);
  expect(longest).toBeLessThanOrEqual(10);
});

test('its state takes less than three times the bytes of its state events, and its auth chains a row for each', async () => {
  const stateBytes = await numberOf(
    'SELECT sum(pg_column_size(state_key_nids) + pg_column_size(event_nids)) FROM state_snapshots',
  );
  const eventBytes = await numberOf('SELECT sum(octet_length(pdu)) FROM events WHERE state_key_nid IS NOT NULL');
  expect(stateBytes).toBeGreaterThan(0);
  expect(stateBytes / eventBytes).toBeLessThan(3);
  expect(await numberOf('SELECT count(*) FROM auth_chains')).toBe(await numberOf(STATE_EVENTS));
});

test('the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
