import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../base/operator-error.ts';

/** A folder that belongs to this process. */
export interface OwnerLock {
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Makes this process the only one that uses a folder, which need not exist yet. What is locked is the file `<folder>.lock`, by the
 * operating system: the lock goes with the process, however that ends. Of all that Node has only SQLite takes such locks, and this
 * is all that it is there for.
 *
 * @throws OperatorError where another process has the folder
 */
export async function lockFolder(folder: string): Promise<OwnerLock> {
  await mkdir(path.dirname(folder), { recursive: true, mode: 0o711 });
  const database = new DatabaseSync(`${folder}.lock`);
  const ownerFile = `${folder}.owner`;
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error;
    // Written when it had the lock: for a moment it may still be the number of an earlier one.
    const owner = (await readFile(ownerFile, 'utf8').catch(() => '')).trim();
    throw new OperatorError(
      `Another Parley${owner === '' ? '' : ` (process ${owner})`} is running on ${path.resolve(folder)}. ` +
        'Stop it, or choose another folder with --data.',
    );
  }
  await writeFile(ownerFile, `${process.pid}\n`);
  return { release: () => database.close() };
}
