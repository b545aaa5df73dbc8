import type { JsonObject } from '../protocol/json.ts';
import { takeWaitingMessages } from '../storage/to-device.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

/** Client-Server API, "Send-to-device messaging": a limit is asked for, and this one recommended. */
const MAX_MESSAGES = 100;

/**
 * Messages for the device that syncs. Those that came with the answer that `since` is of have arrived and are forgotten; they
 * are told again for as long as `since` is that of an earlier answer.
 *
 * @returns the events, and the position up to which the device has them with this answer
 */
export async function toDeviceSection(
  parts: SyncParts,
  { viewer, query, until }: SyncRound,
): Promise<{ events: JsonObject[]; position: number }> {
  const { emptyInboxes } = parts.memory;
  const known = emptyInboxes.get(viewer.userId, until);
  if (known?.has(viewer.deviceId) === true) return { events: [], position: until };
  const confirmed = query.since?.toDevice ?? 0;
  const waiting = await emptyInboxes.read(
    viewer.userId,
    () => takeWaitingMessages(parts.rooms.db, viewer, { confirmed, limit: MAX_MESSAGES }),
    (messages) => new Set([...(known ?? []), ...(messages.length === 0 ? [viewer.deviceId] : [])]),
  );
  const messages = waiting.filter(({ position }) => position <= until);
  return {
    events: messages.map(({ sender, type, content }) => ({ sender, type, content })),
    position: messages.length === MAX_MESSAGES ? (messages.at(-1)?.position ?? until) : until,
  };
}
