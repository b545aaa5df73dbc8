import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../base/operator-error.ts';

/** A folder that belongs to this process. */
export interface OwnerLock {
  release(): void;
}

const SQLITE_BUSY = 5;
const OWNER_LOOKS = 20;
const OWNER_LOOK_MS = 50;

/**
 * Makes this process the only one that uses a folder, which need not exist yet. What is locked is the file `<folder>.lock`, by the
 * operating system: the lock goes with the process, however that ends. Of all that Node has only SQLite takes such locks, and this
 * is all that it is there for.
 *
 * @throws OperatorError where another process has the folder, or this one may not write beside it
 */
export async function lockFolder(folder: string): Promise<OwnerLock> {
  const lockFile = `${folder}.lock`;
  const ownerFile = `${folder}.owner`;
  let database: DatabaseSync | undefined;
  try {
    await mkdir(path.dirname(folder), { recursive: true, mode: 0o711 });
    const opened = new DatabaseSync(lockFile);
    database = opened;
    opened.exec('BEGIN EXCLUSIVE');
    await writeFile(ownerFile, `${process.pid}\n`);
    return { release: () => opened.close() };
  } catch (error) {
    database?.close();
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY)
      throw new OperatorError(
        `The file ${lockFile} cannot be used (${(error as Error).message}). ` +
          'Let the user that runs Parley write to it and to the files beside it, or choose another folder with --data.',
      );
    const owner = await ownerIn(ownerFile);
    throw new OperatorError(
      `Another Parley${owner === undefined ? '' : ` (process ${owner})`} is running on ${path.resolve(folder)}. ` +
        'Stop it, or choose another folder with --data.',
    );
  }
}

/** The owner writes its number once it has the lock: for a moment there may be none, or that of one that has ended. */
async function ownerIn(ownerFile: string): Promise<number | undefined> {
  for (let look = 0; look < OWNER_LOOKS; look++) {
    const owner = Number(await readFile(ownerFile, 'utf8').catch(() => ''));
    if (owner > 0 && isRunning(owner)) return owner;
    await delay(OWNER_LOOK_MS);
  }
  return undefined;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
