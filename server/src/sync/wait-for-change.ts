import type { UserId } from '../protocol/event.ts';
import type { TypingUsers } from '../rooms/typing.ts';
import type { LogRow } from '../storage/log-follower.ts';
import type { SyncParts } from './sync-parts.ts';
import type { SyncToken } from './sync-token.ts';

/**
 * Waits until something after `seen` may concern the user: a change in a room that they have joined, in their own data, or
 * typing; or until the time is up or the client has gone. May wake for nothing, never sleeps through a change.
 */
export async function waitForChange(
  parts: SyncParts,
  userId: UserId,
  joined: ReadonlySet<number>,
  seen: SyncToken,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { follower } = parts.rooms;
  /** Looked at again where it may concern the user: whom a device list concerns is told by the watch, a moment later. */
  const mayConcern = (row: LogRow) => concerns(row) || (row.kind === 'device_list' && row.position > seen.position);
  const concerns = (row: LogRow) =>
    row.position > seen.position &&
    (row.userId === userId ||
      (row.roomNid !== null && joined.has(row.roomNid) && (row.kind === 'event' || row.kind === 'receipt')));

  await new Promise<void>((resolve) => {
    const timer = setTimeout(finish, timeoutMs);
    const stopRows = follower.onRows((rows) => {
      if (rows.some(concerns)) finish();
    });
    const stopTyping = parts.typing.onChange((roomNid) => {
      if (joined.has(roomNid)) finish();
    });
    const stopDeviceLists = parts.deviceLists.onChange((contacts) => {
      if (contacts?.has(userId) !== false) finish();
    });
    signal.addEventListener('abort', finish);

    function finish(): void {
      clearTimeout(timer);
      stopRows();
      stopTyping();
      stopDeviceLists();
      signal.removeEventListener('abort', finish);
      resolve();
    }

    // What came between the answer and this wait. If memory no longer reaches back that far, look again.
    const missed = follower.recent(seen.position);
    const typed = typingDiffers(parts.typing.picture(joined), seen.typing).length > 0;
    if (missed === undefined || missed.some(mayConcern) || typed || signal.aborted) finish();
  });
}

/** Rooms in which others are typing than those that the client has been told of. */
export function typingDiffers(now: ReadonlyMap<number, TypingUsers>, seen: SyncToken['typing']): number[] {
  const differs = (nid: number) => now.get(nid)?.digest !== seen.get(nid);
  return [...new Set([...now.keys(), ...seen.keys()])].filter(differs);
}
