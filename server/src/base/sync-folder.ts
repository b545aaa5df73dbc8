import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Syncs a folder: until then a power failure may undo that a file in it was made or renamed. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
