import { type FileHandle, open, readlink } from 'node:fs/promises';
import { vi } from 'vitest';

/** Notes each file and folder that this process has synced, in order, until it is stopped. Linux only. */
export async function watchSyncs(): Promise<{ readonly synced: readonly string[]; stop(): void }> {
  const handle = await open(import.meta.filename);
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const synced: string[] = [];
  const { sync } = prototype;
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    const file = await readlink(`/proc/self/fd/${this.fd}`);
    await sync.call(this);
    synced.push(file);
  });
  return { synced, stop: () => spy.mockRestore() };
}
