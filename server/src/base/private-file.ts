import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OperatorError } from './operator-error.ts';
import { syncFolder } from './sync-folder.ts';

/** What is wrong with a file that must be ours alone, or undefined. Windows has no such modes and is not asked. */
async function exposure(path: string): Promise<string | undefined> {
  if (process.platform === 'win32' || process.getuid === undefined) return undefined;
  const { mode, uid } = await stat(path);
  if ((mode & 0o077) !== 0)
    return `other users can read it (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`;
  const self = process.getuid();
  if (uid !== self && self !== 0) return `it belongs to another user (uid ${uid})`;
  return undefined;
}

/** Reads a file that holds a secret. Answers undefined when there is none; refuses one that others could have read. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    const problem = await exposure(path);
    if (problem !== undefined) throw new OperatorError(`${path} is not private: ${problem}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Creates a secret file with mode 0600, complete from the moment it exists, and answers its content once that is on disk: what
 * others put there first when several processes try at once. Its folder is made with mode 0700 where it is missing.
 */
export async function createPrivateFile(path: string, content: string): Promise<string> {
  const folder = dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await chmod(folder, 0o700);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      // Another process was faster; its file is the one that counts.
      if (error.code !== 'EEXIST') throw error;
    });
    await syncFolder(folder);
  } finally {
    await rm(draft, { force: true });
  }
  const created = await readPrivateFile(path);
  if (created === undefined) throw new Error(`${path} was removed while it was being created.`);
  return created;
}
