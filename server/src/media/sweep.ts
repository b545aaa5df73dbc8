import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { deleteExpiredEmptyMedia, findUnknownContent, lockContent } from '../storage/media.ts';
import { deleteIdleBudgets } from '../storage/media-budgets.ts';
import type { MediaParts } from './media-parts.ts';
import { discard, SPOOL_NAME } from './spool.ts';

/** A spool file that nothing was written to for so long belongs to a process that has died: senders time out long before. */
const SPOOL_AGE_MS = 3600_000;
/** How much longer than promised a media id may be used, so that an upload under way can end. */
const GRACE_MS = 3600_000;

async function removeSpoolLeftovers({ store, clock }: MediaParts): Promise<void> {
  for (const name of await readdir(store.incomingFolder)) {
    if (!SPOOL_NAME.test(name)) continue;
    const path = join(store.incomingFolder, name);
    // The file may be gone meanwhile: another process has finished with it.
    const stats = await stat(path).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs < clock.now() - SPOOL_AGE_MS) await discard({ path });
  }
}

/** Bytes that were put in place by a process that died before it could record them. */
async function removeUnrecordedContent({ db, store }: MediaParts): Promise<void> {
  for await (const hashes of store.list())
    for (const sha256 of await findUnknownContent(db, hashes))
      await db.transaction(async (tx) => {
        await lockContent(tx, sha256, 'exclusive');
        const [stillUnknown] = await findUnknownContent(tx, [sha256]);
        if (stillUnknown !== undefined) await store.remove(tx, sha256);
      });
}

/** Removes what crashes left behind, expired empty media and budgets that are full again. Safe at any time. */
export async function sweepMedia(parts: MediaParts): Promise<void> {
  await removeSpoolLeftovers(parts);
  await removeUnrecordedContent(parts);
  await deleteExpiredEmptyMedia(parts.db, parts.clock.now() - GRACE_MS);
  const refillMs = Object.values(parts.limits.budgets ?? {}).map((b) => (b.burstBytes / b.bytesPerSecond) * 1000);
  // Twice the time, for those that are in debt.
  await deleteIdleBudgets(parts.db, parts.clock.now() - 2 * Math.ceil(Math.max(0, ...refillMs)));
}
