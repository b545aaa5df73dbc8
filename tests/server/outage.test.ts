import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { registerClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { recordingLogger } from '../harness/recording-logger.ts';
import { createTestDatabase } from '../harness/test-database.ts';

const SOCKET = '.s.PGSQL.5432';

/** A way to the Postgres of the tests that can be closed and opened. */
async function openPassage(url: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-passage-'));
  const behind = new URLSearchParams(new URL(inject('postgresUrl')).search).get('host') ?? '';
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const passage = {
    url: url.replace(/host=[^&]*/, `host=${encodeURIComponent(folder)}`),
    async open() {
      server = createServer((socket) => {
        const postgres = connect(path.join(behind, SOCKET));
        for (const end of [socket, postgres]) sockets.add(end.on('error', () => {}));
        socket.pipe(postgres).on('close', () => socket.destroy());
        postgres.pipe(socket).on('close', () => postgres.destroy());
      }).listen(path.join(folder, SOCKET));
      await once(server, 'listening');
    },
    async close() {
      const closed = server === undefined ? undefined : once(server, 'close');
      server?.close();
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      await closed;
    },
  };
  onTestFinished(async () => {
    await passage.close();
    await rm(folder, { recursive: true, force: true });
  });
  await passage.open();
  return passage;
}

test('an outage of the database is one line when it begins and one when it is over', async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const passage = await openPassage(database.url);
  const { logger, lines } = recordingLogger();
  const server = await startHomeserver({ databaseUrl: passage.url, logger });
  const ana = await registerClient(server.baseUrl, 'ana');
  const loud = () => lines.filter(({ level }) => level !== 'debug' && level !== 'info').map(({ message }) => message);
  await passage.close();
  const refused = await ana.request('GET', 'v3/joined_rooms');
  expect(refused).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN', retry_after_ms: 1000 } });
  // The reader of the log and others have noticed too.
  await expect.poll(() => lines.filter(({ level }) => level === 'debug').length).toBeGreaterThan(3);
  expect(loud()).toEqual([expect.stringContaining('cannot be reached')]);
  await passage.open();
  await expect.poll(async () => (await ana.request('GET', 'v3/joined_rooms')).status).toBe(200);
  expect(loud()).toEqual([expect.stringContaining('cannot be reached'), 'The database can be reached again']);
});

test('stopping while somebody waits for /sync answers the wait and logs no error', async () => {
  const { logger, lines } = recordingLogger();
  const server = await startHomeserver({ logger });
  const ana = await registerClient(server.baseUrl, 'ana');
  const { next_batch: since } = await ana.ok('GET', 'v3/sync');
  const waiting = ana.request('GET', `v3/sync?timeout=60000&since=${since}`);
  await ana.ok('GET', 'v3/account/whoami');
  await server.stop();
  expect(await waiting).toMatchObject({ status: 200, body: { next_batch: expect.any(String) } });
  expect(lines.filter(({ level }) => ['warn', 'error', 'fatal'].includes(level))).toEqual([]);
});
