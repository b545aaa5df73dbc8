import { type ChildProcess, execFile } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { OperatorError } from '../base/operator-error.ts';
import { syncFolder } from '../base/sync-folder.ts';
import { canEnter, chooseRunAs, type RunAs, SHARED_FOLDER } from './postgres-binaries.ts';

const run = promisify(execFile);

/** Name of the superuser and of the database. */
export const PARLEY = 'parley';
const MAJOR_VERSION = '18';
/**
 * Size of a segment of the write-ahead log, in MiB; fixed when the cluster is made. Until the first checkpoints there are no used
 * segments to take again: whoever commits when one is full fills the next with zeros, and all others wait. At 200 commits a
 * second the longest took 75 to 99 ms with the usual 16 MiB and 20 to 40 ms with 4, while 20 connections inserted 9,500 and
 * 10,300 rows a second (medians of five). Smaller ones cost elsewhere: a checkpoint renames and syncs each (after 900 MB it took
 * 0.04 s with 16 MiB, 0.1 s with 4, 0.4 s with 1 where an fsync takes 0.4 ms), and stopping waits for that. Without the zeros
 * (`wal_init_zero`) no commit takes long, but each makes the file system allocate: an fsync took 0.5 ms instead of 0.4.
 */
const WAL_SEGMENT_MIB = 4;
/** The kernel takes socket paths of 103 bytes (macOS) or 107 (Linux); Postgres adds `/.s.PGSQL.5432.lock`. */
const MAX_SOCKET_FOLDER_BYTES = 83;
const SOCKET_PREFIX = 'parley-socket-';

/** Postgres must see none of the caller's `PG*` variables nor depend on its locale. */
export const POSTGRES_ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Where one embedded cluster lives, and as whom it runs. */
export interface Place {
  /** Folder of everything else, owned by `runAs`, closed to others. Without symbolic links. */
  readonly folder: string;
  /** Postgres's data directory. */
  readonly cluster: string;
  readonly runAs: RunAs;
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

async function giveTo(runAs: RunAs, folder: string): Promise<void> {
  if (runAs.uid !== undefined && runAs.gid !== undefined) await chown(folder, runAs.uid, runAs.gid);
  await chmod(folder, 0o700);
}

/**
 * Makes the folder where it is missing. When Parley runs as root and the folder above is closed to the user that runs
 * Postgres, the folder becomes a link to one under `SHARED_FOLDER`.
 *
 * @throws OperatorError where Parley or Postgres may not use it
 */
export async function preparePlace(folder: string): Promise<Place> {
  try {
    return await openPlace(folder);
  } catch (error) {
    if (!REFUSALS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new OperatorError(
      `The folder ${folder} cannot be used (${(error as Error).message}). ` +
        'Start Parley as the user that it belongs to, or choose another folder with --data.',
    );
  }
}

/** How the system says that a folder is closed to this user. */
const REFUSALS = new Set(['EACCES', 'EPERM', 'EROFS']);

async function openPlace(folder: string): Promise<Place> {
  const runAs = await chooseRunAs(path.join(folder, 'cluster'));
  if (!(await exists(folder))) {
    const above = path.dirname(path.resolve(folder));
    await mkdir(above, { recursive: true, mode: 0o711 });
    if (await canEnter(above, runAs)) {
      await mkdir(folder);
    } else {
      await mkdir(SHARED_FOLDER, { recursive: true, mode: 0o755 });
      await symlink(await mkdtemp(path.join(SHARED_FOLDER, 'postgres-')), folder);
    }
  }
  const real = await realpath(folder);
  await giveTo(runAs, real);
  if (!(await canEnter(real, runAs)))
    throw new OperatorError(
      `Postgres runs as uid ${runAs.uid}, which cannot enter ${real}. Open the folders above it to that user (chmod o+x), ` +
        'choose another data folder, or start Parley as the owner of the folder.',
    );
  return { folder: real, cluster: path.join(real, 'cluster'), runAs };
}

/** How the names of folders begin in which clusters are made. */
const UNFINISHED = 'cluster.unfinished';

/** Throws away what starts that ended half-way have left. An `initdb` still at work there finds its files gone, and ends. */
async function removeUnfinished(place: Place): Promise<void> {
  for (const name of await readdir(place.folder))
    if (name.startsWith(UNFINISHED))
      await rm(path.join(place.folder, name), { recursive: true, force: true, maxRetries: 10 });
}

/**
 * Creates the cluster on first use: UTF-8, sorted by code point, with data checksums. It is made in a folder of its own, because
 * a Parley that was killed half-way may have left an `initdb` that goes on writing where it was.
 */
export async function createCluster(place: Place, binaries: string): Promise<void> {
  await removeUnfinished(place);
  if (await exists(place.cluster)) {
    const version = (await readFile(path.join(place.cluster, 'PG_VERSION'), 'utf8')).trim();
    if (version !== MAJOR_VERSION)
      throw new OperatorError(
        `${place.cluster} was made by PostgreSQL ${version}, and this version of Parley has ${MAJOR_VERSION}. ` +
          'Start the version of Parley that made it, or choose another folder with --data.',
      );
    return;
  }
  const unfinished = await mkdtemp(path.join(place.folder, `${UNFINISHED}-`));
  await giveTo(place.runAs, unfinished);
  const choices = [
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
    `--wal-segsize=${WAL_SEGMENT_MIB}`,
    '--auth-local=trust',
    '--auth-host=reject',
    '--no-instructions',
  ];
  try {
    const initdb = path.join(binaries, 'bin/initdb');
    const options = { ...place.runAs, cwd: '/', env: POSTGRES_ENVIRONMENT };
    const running = run(initdb, [`--pgdata=${unfinished}`, `--username=${PARLEY}`, ...choices], options);
    endWithUs(running.child, 'SIGTERM');
    await running;
  } catch (error) {
    await removeUnfinished(place);
    const { stderr, message } = error as Error & { stderr?: string };
    throw new OperatorError(`The database could not be created in ${place.folder}:\n${(stderr || message).trim()}`);
  }
  await rename(unfinished, place.cluster);
  await syncFolder(place.folder);
}

/** Sends `signal` to a process that still runs when we end without having waited for it. */
export function endWithUs(child: ChildProcess, signal: NodeJS.Signals): void {
  const end = () => child.kill(signal);
  process.on('exit', end);
  child.once('exit', () => process.off('exit', end));
}

/** A folder for the socket that only the user who runs Postgres (and root) can enter, with a path short enough. */
export async function makeSocketFolder(place: Place): Promise<string> {
  const inside = path.join(place.folder, 'run');
  if (Buffer.byteLength(inside) <= MAX_SOCKET_FOLDER_BYTES) {
    await mkdir(inside, { recursive: true });
    await giveTo(place.runAs, inside);
    return inside;
  }
  const outside = await mkdtemp(path.join(tmpdir(), SOCKET_PREFIX));
  await giveTo(place.runAs, outside);
  return outside;
}

/** Removes a socket folder that `makeSocketFolder` had to put outside the cluster's own. */
export async function removeSocketFolder(socketFolder: string): Promise<void> {
  if (path.basename(socketFolder).startsWith(SOCKET_PREFIX)) await rm(socketFolder, { recursive: true, force: true });
}

/** What `postmaster.pid` says. It is there while Postgres runs, and after it was killed. */
export interface Postmaster {
  readonly pid: number;
  readonly socketFolder: string;
  readonly ready: boolean;
}

export async function readPostmaster(place: Place): Promise<Postmaster | undefined> {
  const text = await readFile(path.join(place.cluster, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  return { pid: Number(lines[0]), socketFolder: lines[4] ?? '', ready: lines[7]?.trim() === 'ready' };
}

/**
 * True when the process belongs to a Postgres on this cluster. Its number alone says nothing after a restart of the machine or the
 * container: Postgres would refuse to start because of any process that now has it.
 */
export async function worksOn(place: Place, pid: number): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 1) return false;
  if (process.platform === 'linux')
    return await readlink(`/proc/${pid}/cwd`).then(
      (folder) => folder === place.cluster,
      () => false,
    );
  return await run('ps', ['-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout.includes(place.cluster),
    () => false,
  );
}

/** Forgets a postmaster that no longer runs, so that a process that has its number by chance is not taken for it. */
export async function forgetPostmaster(place: Place, postmaster: Postmaster): Promise<void> {
  await rm(path.join(place.cluster, 'postmaster.pid'), { force: true });
  await removeSocketFolder(postmaster.socketFolder);
}

/**
 * Ends at once the processes that a killed postmaster left behind: each only notices when it next waits, and until then
 * no other may use the cluster. What they were doing was never committed.
 */
export async function endOrphans(place: Place): Promise<void> {
  if (process.platform !== 'linux') return;
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!(await worksOn(place, pid))) continue;
    try {
      process.kill(pid, 'SIGQUIT');
    } catch {
      // It has ended by itself.
    }
  }
}

const MIB = 1024 * 1024;

/**
 * Settings for a machine that also runs Parley: a buffer of an eighth of the memory between 32 and 256 MiB, no parallel
 * queries (they need shared memory that small containers lack), nothing but the socket to connect to, and every commit on disk.
 */
export function serverSettings(socketFolder: string): Record<string, string> {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / MIB;
  return {
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    max_connections: '200',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    shared_buffers: `${Math.round(Math.max(32, Math.min(256, memory / 8)))}MB`,
    effective_cache_size: `${Math.round(memory / 2)}MB`,
    maintenance_work_mem: '64MB',
    work_mem: '8MB',
    max_wal_size: '1GB',
    min_wal_size: '80MB',
    wal_compression: 'on',
    io_method: 'sync',
    max_parallel_workers_per_gather: '0',
    jit: 'off',
    log_checkpoints: 'off',
    log_min_messages: 'warning',
    log_line_prefix: '%m [%p] ',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
}
