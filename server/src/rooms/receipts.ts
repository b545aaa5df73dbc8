import { invalidParam } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Transaction } from '../storage/database.ts';
import { eventInRoom, type StoredEvent } from '../storage/events.ts';
import { putReceipts } from '../storage/receipts.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { joinedRoomOf } from './members.ts';
import { visibleEvent } from './reading.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';
import { MAIN_THREAD, threadOf } from './threads.ts';

/** Stores room account data of a user as the last step of a transaction: the fully-read marker is kept there. */
export type SetAccountData = (
  tx: Transaction,
  data: { userId: UserId; roomId: string; roomNid: number; type: string; content: JsonObject },
) => Promise<void>;

const RECEIPT_TYPES: ReadonlySet<string> = new Set(['m.read', 'm.read.private', 'm.fully_read']);

/**
 * Sets a receipt of a local user (Client-Server API, "Receipts"). A receipt never moves back: one that is at a later event
 * already stays. What the user cannot have read, because it is not there or not for them, has no receipt: nobody could be shown
 * where it is.
 *
 * @throws MatrixError M_FORBIDDEN, M_INVALID_PARAM, M_NOT_FOUND
 */
export async function sendReceipt(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  receipt: { type: string; eventId: string; threadId: string | undefined },
  setAccountData: SetAccountData,
): Promise<void> {
  if (!RECEIPT_TYPES.has(receipt.type))
    throw invalidParam('The receipt type must be m.read, m.read.private or m.fully_read.');
  const room = await joinedRoomOf(parts, roomId, sender.userId);
  if (receipt.type === 'm.fully_read') {
    if (receipt.threadId !== undefined) throw invalidParam('m.fully_read has no thread_id.');
    await setFullyRead(parts, sender, room, receipt.eventId, setAccountData);
    return;
  }
  if (receipt.threadId === '') throw invalidParam('thread_id must not be empty.');
  const { event } = await visibleEvent(parts, sender.userId, roomId, receipt.eventId);
  if (receipt.threadId !== undefined && !(await isInThread(parts, room, event, receipt.threadId)))
    throw invalidParam('The event is not in the thread of thread_id.');
  await putReceipts(parts.db, room.nid, [
    {
      userId: sender.userId,
      receiptType: receipt.type,
      threadId: receipt.threadId ?? '',
      eventId: receipt.eventId,
      eventPosition: event.position,
      ts: parts.clock.now(),
    },
  ]);
  parts.follower.poke();
}

/**
 * Whether an event belongs to a thread, or to the main timeline for `main`. The root of a thread counts as part of either, and
 * so does a redacted event, which no longer says what it belonged to.
 */
async function isInThread(parts: RoomParts, room: RoomRow, event: StoredEvent, threadId: string): Promise<boolean> {
  if (threadId === event.eventId) return true;
  if (event.redactedBy !== null)
    return threadId === MAIN_THREAD || (await eventInRoom(parts.db, room.nid, threadId)) !== undefined;
  return threadId === (await threadOf(parts, event));
}

async function setFullyRead(
  parts: RoomParts,
  sender: Sender,
  room: RoomRow,
  eventId: string,
  setAccountData: SetAccountData,
): Promise<void> {
  await visibleEvent(parts, sender.userId, room.roomId, eventId);
  await parts.db.transaction(async (tx) => {
    const content = { event_id: eventId };
    await setAccountData(tx, {
      userId: sender.userId,
      roomId: room.roomId,
      roomNid: room.nid,
      type: 'm.fully_read',
      content,
    });
  });
  parts.follower.poke();
}

/** Several markers at once (Client-Server API, "Read and unread markers"). @throws MatrixError as `sendReceipt` */
export async function sendReadMarkers(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  markers: { 'm.fully_read'?: string; 'm.read'?: string; 'm.read.private'?: string },
  setAccountData: SetAccountData,
): Promise<void> {
  await joinedRoomOf(parts, roomId, sender.userId);
  // All or none of them.
  for (const eventId of new Set(Object.values(markers))) await visibleEvent(parts, sender.userId, roomId, eventId);
  for (const type of ['m.fully_read', 'm.read', 'm.read.private'] as const) {
    const eventId = markers[type];
    if (eventId === undefined) continue;
    await sendReceipt(parts, sender, roomId, { type, eventId, threadId: undefined }, setAccountData);
  }
}
