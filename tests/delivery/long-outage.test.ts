import { expect, test } from 'vitest';
import { manualClock } from '../federation/manual-clock.ts';
import { testDatabase } from '../harness/test-database.ts';
import { joinFrom, type Process, publicRoom, say, startProcess, startReceiver } from './sender-scene.ts';

const HOUR = 3_600_000;
const ROOMS = 3;

/** Rows of every table, and in how many of them the server is named. */
async function rowsNaming(
  db: Process['parts']['db'],
  server: string,
): Promise<Map<string, { all: number; naming: number }>> {
  const tables = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
  );
  const counts = new Map<string, { all: number; naming: number }>();
  for (const { name } of tables) {
    const sql = `SELECT count(*)::int AS all, (count(*) FILTER (WHERE strpos(t::text, $1) > 0))::int AS naming FROM ${name} t`;
    const [row] = await db.query<{ all: number; naming: number }>(sql, [server]);
    if (row !== undefined) counts.set(name, row);
  }
  return counts;
}

test('a server that was away for a day gets everything, and meanwhile nothing is kept for it', async () => {
  const db = await testDatabase();
  const clock = manualClock(Date.now());
  let process = await startProcess(db.url, clock);
  const receiver = await startReceiver();
  const roomIds = await Promise.all(Array.from({ length: ROOMS }, () => publicRoom(process)));
  for (const roomId of roomIds) await joinFrom(process, receiver, roomId);
  receiver.isUp = false;
  const said: string[] = [];
  /** Restarts the process, which tries the server again where the time for that has come, and says something in each room. */
  const goOn = async (hour: number) => {
    await process.stop();
    process = await startProcess(db.url, clock);
    for (const [n, roomId] of roomIds.entries()) {
      const texts = Array.from({ length: 10 }, (_, i) => `hour ${hour}, room ${n}, message ${i}`);
      said.push(...texts);
      await say(process, roomId, ...texts);
    }
    const isNoticed = async () => (await process.federation.backoff.outage(receiver.serverName)) !== undefined;
    await expect.poll(isNoticed).toBe(true);
  };
  await goOn(0);
  const before = await rowsNaming(db, receiver.serverName);
  for (let hour = 8; hour <= 24; hour += 8) {
    clock.advance(8 * HOUR);
    await goOn(hour);
  }
  const after = await rowsNaming(db, receiver.serverName);
  const growing = [...after].filter(([table, { all }]) => all > (before.get(table)?.all ?? 0)).map(([table]) => table);
  // Every start here has a data folder of its own, and so a key.
  expect(growing.sort()).toEqual(['client_transactions', 'events', 'log', 'own_signing_keys']);
  for (const [table, { naming }] of after) expect(naming, table).toBe(before.get(table)?.naming);
  expect(after.get('room_servers')?.naming).toBe(ROOMS);
  expect(after.get('destinations')?.naming).toBe(1);

  receiver.isUp = true;
  const waitMs = (await process.federation.backoff.outage(receiver.serverName))?.waitMs ?? 0;
  expect(waitMs).toBeLessThan(HOUR / 4);
  clock.advance(waitMs);
  await process.stop();
  process = await startProcess(db.url, clock);
  await receiver.until(({ texts }) => texts().length >= said.length);
  const ofRoom = (texts: readonly unknown[], n: number) => texts.filter((text) => String(text).includes(`room ${n},`));
  expect(receiver.texts()).toHaveLength(said.length);
  for (let n = 0; n < ROOMS; n++) expect(ofRoom(receiver.texts(), n)).toEqual(ofRoom(said, n));
  expect(receiver.taken.every(({ pdus }) => pdus.length <= 50)).toBe(true);
});
