import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { OperatorError } from '../base/operator-error.ts';
import { lockFolder, type OwnerLock } from './owner-lock.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import {
  createCluster,
  endOrphans,
  endWithUs,
  forgetPostmaster,
  makeSocketFolder,
  PARLEY,
  type Place,
  POSTGRES_ENVIRONMENT,
  preparePlace,
  readPostmaster,
  removeSocketFolder,
  serverSettings,
  worksOn,
} from './postgres-cluster.ts';

/** How long a start may fail because backends of a killed predecessor still hold the cluster. */
const PREDECESSOR_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 8_000;
const RESTART_DELAYS_MS = [0, 200, 500, 1_000, 2_000, 5_000];
const POLL_MS = 20;
const MAX_LOG_BYTES = 10 * 1024 * 1024;
export interface EmbeddedPostgresOptions {
  /** Folder that holds everything of Postgres; made where missing. */
  readonly folder: string;
  /** Told what happens, in one line each. */
  readonly report: (message: string) => void;
  /** Server settings beside Parley's own, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** Connection string over a Unix socket that only its owner and root can open. */
  readonly url: string;
  /** Process id of the postmaster. Changes when Postgres died and was started again. */
  pid(): number;
  /** Ends what is connected and shuts Postgres down cleanly. */
  stop(): Promise<void>;
}

interface Server {
  readonly child: ChildProcess;
  /** Fulfilled when the process has ended, however it did. */
  readonly ended: Promise<unknown>;
}

function socketUrl(socketFolder: string, database: string): string {
  return `postgresql:///${database}?user=${PARLEY}&host=${encodeURIComponent(socketFolder)}`;
}

/** Ends a postmaster that a killed Parley left behind: a living one would have the lock. */
async function endPredecessor(place: Place, report: (message: string) => void): Promise<void> {
  const postmaster = await readPostmaster(place);
  if (postmaster === undefined) return;
  if (await worksOn(place, postmaster.pid)) {
    report('Stopping the Postgres that a killed Parley left running');
    const deadline = performance.now() + PREDECESSOR_TIMEOUT_MS;
    process.kill(postmaster.pid, 'SIGINT');
    while (await worksOn(place, postmaster.pid)) {
      if (performance.now() > deadline) {
        process.kill(postmaster.pid, 'SIGKILL');
        break;
      }
      await delay(POLL_MS);
    }
  }
  await forgetPostmaster(place, postmaster);
}

async function openLog(file: string) {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size > MAX_LOG_BYTES) await rename(file, `${file}.old`);
  return { file: await open(file, 'a'), size: size > MAX_LOG_BYTES ? 0 : size };
}

/** Starts the postmaster once. Answers what it logged when it ended instead of becoming ready. */
async function launch(place: Place, binaries: string, settings: Record<string, string>): Promise<Server | string> {
  const logFile = path.join(place.folder, 'log');
  const log = await openLog(logFile);
  const child = spawn(
    path.join(binaries, 'bin/postgres'),
    ['-D', place.cluster, ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)],
    // A session of its own: Ctrl-C in the terminal reaches Parley alone, which then stops Postgres in good order.
    {
      ...place.runAs,
      cwd: '/',
      env: POSTGRES_ENVIRONMENT,
      detached: true,
      stdio: ['ignore', log.file.fd, log.file.fd],
    },
  );
  const ended = once(child, 'exit');
  endWithUs(child, 'SIGINT');
  try {
    await once(child, 'spawn');
  } finally {
    await log.file.close();
  }
  // After a crash Postgres first replays its log, which takes as long as it takes.
  while (child.exitCode === null && child.signalCode === null) {
    const postmaster = await readPostmaster(place);
    if (postmaster?.pid === child.pid && postmaster?.ready) return { child, ended };
    await Promise.race([ended, delay(POLL_MS)]);
  }
  return (await readFile(logFile)).subarray(log.size).toString('utf8').trim();
}

/** Starts the postmaster, waiting for the processes of a killed predecessor to let go of the cluster. */
async function launchWhenFree(
  place: Place,
  binaries: string,
  settings: Record<string, string>,
  report: (message: string) => void,
): Promise<Server> {
  const deadline = performance.now() + PREDECESSOR_TIMEOUT_MS;
  for (;;) {
    await endPredecessor(place, report);
    const outcome = await launch(place, binaries, settings);
    if (typeof outcome !== 'string') return outcome;
    const held = /pre-existing shared memory block|lock file ".*" already exists|is another postmaster/.test(outcome);
    if (!held || performance.now() > deadline) throw new OperatorError(`Postgres did not start:\n${outcome}`);
    await endOrphans(place);
    await delay(10 * POLL_MS);
  }
}

async function createDatabase(socketFolder: string): Promise<void> {
  const client = new pg.Client({ connectionString: socketUrl(socketFolder, 'postgres') });
  // A lost connection shows where it is waited for; without this listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [PARLEY]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${PARLEY}`);
  } finally {
    await client.end();
  }
}

/**
 * Runs PostgreSQL 18 from the npm package's binaries in `options.folder`: becomes its only owner, creates the cluster on first
 * use, and starts Postgres again whenever it dies. Works for an ordinary user and for root (see `chooseRunAs`).
 *
 * @throws OperatorError where another Parley uses the folder, or whoever runs this one has to do something about it
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const lock = await lockFolder(options.folder);
  try {
    return await startOwned(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function startOwned({ folder, report, ...options }: EmbeddedPostgresOptions, lock: OwnerLock) {
  const place = await preparePlace(folder);
  const binaries = await findPostgresBinaries(place.runAs);
  await createCluster(place, binaries);
  const socketFolder = await makeSocketFolder(place);
  const settings = { ...serverSettings(socketFolder), ...options.settings };

  let stopping = false;
  let server = await launchWhenFree(place, binaries, settings, report);

  async function supervise(): Promise<void> {
    await server.ended;
    for (let attempt = 0; !stopping; attempt++) {
      try {
        await delay(RESTART_DELAYS_MS[Math.min(attempt, RESTART_DELAYS_MS.length - 1)]);
        if (stopping) return;
        report('Postgres has ended unexpectedly; starting it again');
        server = await launchWhenFree(place, binaries, settings, report);
        report('Postgres is back');
        await server.ended;
        attempt = -1;
      } catch (error) {
        // It may succeed later (a full disk, say); until then requests are answered with 503.
        report((error as Error).message);
      }
    }
  }

  async function stop(): Promise<void> {
    stopping = true;
    server.child.kill('SIGINT');
    const forced = setTimeout(() => server.child.kill('SIGQUIT'), STOP_TIMEOUT_MS);
    await server.ended;
    clearTimeout(forced);
    await removeSocketFolder(socketFolder);
    lock.release();
  }

  try {
    await createDatabase(socketFolder);
  } catch (error) {
    await stop();
    throw error;
  }
  void supervise();
  return { url: socketUrl(socketFolder, PARLEY), pid: () => server.child.pid ?? 0, stop };
}
