import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../base/sync-folder.ts';
import type { ContentStore } from './content-store.ts';

const FOLDERS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const FILE_NAME = /^[0-9a-f]{64}$/;
const PAGE = 1000;

/**
 * Keeps each content in a file `content/<first byte>/<hash>` below `root`, all in lower-case hexadecimal. Paths are made from
 * hashes that we computed, never from ids or names that somebody sent. Several processes may share the folder.
 */
export async function openDiskContentStore(root: string): Promise<ContentStore> {
  const incomingFolder = join(root, 'incoming');
  const contentFolder = join(root, 'content');
  await mkdir(incomingFolder, { recursive: true, mode: 0o700 });
  await mkdir(contentFolder, { recursive: true, mode: 0o700 });
  for (const folder of FOLDERS) await mkdir(join(contentFolder, folder), { recursive: true, mode: 0o700 });
  await syncFolder(contentFolder);
  await syncFolder(root);
  await syncFolder(dirname(root));

  const folderOf = (sha256: Buffer) => join(contentFolder, sha256.toString('hex', 0, 1));
  const pathOf = (sha256: Buffer) => join(folderOf(sha256), sha256.toString('hex'));

  return {
    incomingFolder,

    async publish(_tx, spooled) {
      await rename(spooled.path, pathOf(spooled.sha256));
      await syncFolder(folderOf(spooled.sha256));
    },

    async open(sha256, range) {
      try {
        const handle = await open(pathOf(sha256), constants.O_RDONLY | constants.O_NOFOLLOW);
        return handle.createReadStream({ ...range, highWaterMark: 256 * 1024 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },

    async *list() {
      for (const folder of FOLDERS) {
        const names = (await readdir(join(contentFolder, folder))).filter((name) => FILE_NAME.test(name));
        for (let from = 0; from < names.length; from += PAGE)
          yield names.slice(from, from + PAGE).map((name) => Buffer.from(name, 'hex'));
      }
    },

    async remove(_tx, sha256) {
      try {
        await unlink(pathOf(sha256));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    },
  };
}
