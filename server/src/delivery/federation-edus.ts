import type { RoomId, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { PendingDeviceList } from '../storage/device-list-queue.ts';
import type { PendingReceipt } from '../storage/federation-queue.ts';

/** Null-prototype object: its keys are ids that users choose. */
function keyed(): JsonObject {
  return Object.create(null);
}

/**
 * `m.receipt` EDUs (Server-Server API, "Receipts"). One holds a single receipt per room and user, so a user's receipts in
 * several threads of a room go into as many of them.
 */
export function receiptEdus(receipts: readonly PendingReceipt[]): JsonObject[] {
  const contents: JsonObject[] = [];
  for (const { roomId, userId, threadId, eventId, ts } of receipts) {
    const data = threadId === '' ? { ts } : { ts, thread_id: threadId };
    let content = contents.find((candidate) => !hasReceipt(candidate, roomId, userId));
    if (content === undefined) {
      content = keyed();
      contents.push(content);
    }
    const room = (content[roomId] as { 'm.read': JsonObject } | undefined) ?? { 'm.read': keyed() };
    room['m.read'][userId] = { data, event_ids: [eventId] };
    content[roomId] = room;
  }
  return contents.map((content) => ({ edu_type: 'm.receipt', content }));
}

function hasReceipt(content: JsonObject, roomId: RoomId, userId: UserId): boolean {
  const room = content[roomId] as { 'm.read': JsonObject } | undefined;
  return room !== undefined && room['m.read'][userId] !== undefined;
}

/** `m.typing` EDU (Server-Server API, "Typing Notifications"). */
export function typingEdu(roomId: RoomId, userId: UserId, isTyping: boolean): JsonObject {
  return { edu_type: 'm.typing', content: { room_id: roomId, user_id: userId, typing: isTyping } };
}

/** `m.presence` EDU (Server-Server API, "Presence"). @param push content of `m.presence` events, with `user_id` */
export function presenceEdu(push: JsonObject[]): JsonObject {
  return { edu_type: 'm.presence', content: { push } };
}

/** `m.device_list_update` EDU (Server-Server API, "Device Management"). */
export function deviceListEdu(list: PendingDeviceList): JsonObject {
  const content = {
    user_id: list.userId,
    device_id: list.deviceId,
    stream_id: list.position,
    prev_id: list.previousPosition > 0 ? [list.previousPosition] : [],
    ...(list.isDeleted ? { deleted: true } : {}),
    ...(list.displayName === null ? {} : { device_display_name: list.displayName }),
  };
  return { edu_type: 'm.device_list_update', content };
}
