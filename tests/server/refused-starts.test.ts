import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { OperatorError } from '../../server/src/base/operator-error.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { startEmbeddedPostgres } from '../../server/src/storage/embedded-postgres.ts';
import { lockFolder } from '../../server/src/storage/owner-lock.ts';
import { spawnHomeserver, startHomeserver } from '../harness/homeserver.ts';
import { createTestDatabase, testDatabase } from '../harness/test-database.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'parley-refused-'));
await chmod(folder, 0o711);
afterAll(() => rm(folder, { recursive: true, force: true }));

const DATABASE = 'postgresql://someone:secret@127.0.0.1';

/** What a server says that will not start for a reason that its operator can mend. */
async function refusal(settings: Record<string, string>): Promise<string> {
  const started = startHomeserver({ databaseUrl: settings.database_url ?? `${DATABASE}:1/none`, settings });
  const error = await started.then(
    () => new Error('It has started.'),
    (reason: Error) => reason,
  );
  expect(error).toBeInstanceOf(OperatorError);
  expect(error.message).not.toContain('secret');
  return error.message;
}

/** Answers whoever connects as Postgres refuses somebody. */
async function refusingPostgres(code: string, message: string): Promise<{ port: number; close(): void }> {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, fields])));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

test('a data folder that another Parley uses is named together with its process', async () => {
  const data = path.join(folder, 'twice');
  const first = await startEmbeddedPostgres({ folder: path.join(data, 'postgres'), report: () => {} });
  const second = spawnHomeserver({ databaseUrl: '', settings: { data } });
  await expect(second).rejects.toThrow(
    `Another Parley (process ${process.pid}) is running on ${data}/postgres. Stop it, or choose another folder with --data.`,
  );
  await expect(second).rejects.toThrow('The homeserver ended with 1:');
  await expect(second).rejects.not.toThrow('    at ');
  await first.stop();
});

test('of two Parleys that start at once on a new data folder one runs, and the other names it and ends', async () => {
  const data = path.join(folder, 'at once');
  const starting = [0, 1].map(() => spawnHomeserver({ databaseUrl: '', settings: { data } }));
  const outcomes = await Promise.allSettled(starting);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  expect([started.length, refused.length]).toEqual([1, 1]);
  expect(refused[0]).toContain('The homeserver ended with 1:');
  expect(refused[0]).toContain(`Another Parley (process ${started[0]?.process.pid}) is running on ${data}/postgres.`);
  expect(refused[0]).not.toContain('    at ');
  await started[0]?.stop();
});

test('a data folder that cannot be written to is named, with what to do', async () => {
  const said = await refusal({ data: '/dev/null/data' });
  expect(said).toContain('The data folder /dev/null/data cannot be used (ENOTDIR');
  expect(said).toContain('choose another folder with --data.');
});

test('a lock file that cannot be opened is named, with what to do', async () => {
  const postgres = path.join(folder, 'no lock', 'postgres');
  await mkdir(`${postgres}.lock`, { recursive: true });
  await expect(startEmbeddedPostgres({ folder: postgres, report: () => {} })).rejects.toThrow(
    new OperatorError(
      `The file ${postgres}.lock cannot be used (unable to open database file). Let the user that runs Parley write to it ` +
        'and to the files beside it, or choose another folder with --data.',
    ),
  );
});

test('who has the data folder is named once it has said so, and nobody who has ended before', async () => {
  const place = path.join(folder, 'just taken');
  const lock = await lockFolder(place);
  const [gone] = spawnSync(process.execPath, ['-e', 'console.log(process.pid)']).output.flatMap(
    (text) => `${text}`.trim() || [],
  );
  await writeFile(`${place}.owner`, `${gone}\n`);
  const second = lockFolder(place);
  second.catch(() => {});
  await writeFile(`${place}.owner`, `${process.pid}\n`);
  await expect(second).rejects.toThrow(`Another Parley (process ${process.pid}) is running on ${place}.`);
  lock.release();
});

test('a database that does not answer is told apart from one that lets nobody in', async () => {
  expect(await refusal({ database_url: `${DATABASE}:1/parley` })).toContain(
    'The database cannot be used (connect ECONNREFUSED 127.0.0.1:1). Start PostgreSQL, or correct database_url.',
  );
  const refusing = await refusingPostgres('28P01', 'password authentication failed for user "someone"');
  expect(await refusal({ database_url: `${DATABASE}:${refusing.port}/parley` })).toContain(
    'failed for user "someone"). Correct the user name or the password in database_url.',
  );
  refusing.close();
  const { url, drop } = await createTestDatabase();
  await drop();
  expect(await refusal({ database_url: url })).toContain('does not exist). Create the database, or correct its name');
});

test('a database in which the user may make no tables is refused with the statement that lets it', async () => {
  const { url, drop } = await createTestDatabase({ migrated: false });
  const administrator = openDatabase({ connection: url, poolSize: 1 });
  await administrator.query('CREATE ROLE parley_guest LOGIN');
  try {
    const guest = new URL(url);
    guest.searchParams.set('user', 'parley_guest');
    const said = await refusal({ database_url: guest.href });
    expect(said).toContain(
      'user parley_guest may not create tables. Make it the owner of the database: ALTER DATABASE',
    );
  } finally {
    await administrator.query('DROP ROLE parley_guest');
    await administrator.close();
    await drop();
  }
});

test('a database that a newer Parley has used, or that other migrations have made, is refused', async () => {
  const db = await testDatabase();
  await db.query(`INSERT INTO migrations (version, name, checksum) VALUES (9999, '9999-newer.sql', 'x')`);
  expect(await refusal({ database_url: db.url })).toContain('A newer version of Parley has used this database');
  await db.query('DELETE FROM migrations WHERE version = 9999');
  await db.query(`UPDATE migrations SET checksum = 'x' WHERE version = 1`);
  expect(await refusal({ database_url: db.url })).toContain('Restore the file as it was, or start with another --data');
});
