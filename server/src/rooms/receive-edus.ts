import { forbidden, MatrixError } from '../protocol/errors.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import { isEventId, isRoomId, isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { eventsById } from '../storage/events.ts';
import { joinedAmong, serverIsJoined } from '../storage/memberships.ts';
import { type NewReceipt, putReceipts } from '../storage/receipts.ts';
import type { RoomRow } from '../storage/rooms.ts';
import type { RoomParts } from './room-parts.ts';
import { serverMayTakePart } from './room-policy.ts';
import type { Typing } from './typing.ts';

const MAX_EDU_BYTES = 65_536;
/** Typing that is not taken back ends by itself; servers repeat it while it lasts. */
const TYPING_MS = 60_000;

/** Receives EDUs of one type. What it throws concerns that EDU alone. */
export type EduReceiver = (origin: ServerName, content: JsonObject) => Promise<void>;

/** By the type of the EDU. */
export type EduReceivers = Readonly<Record<string, EduReceiver>>;

/** Receives what concerns rooms: typing and receipts. */
export function roomEduReceivers(parts: RoomParts, typing: Typing): EduReceivers {
  return {
    'm.typing': (origin, content) => receiveTyping(parts, typing, origin, content),
    'm.receipt': (origin, content) => receiveReceipts(parts, origin, content),
  };
}

/**
 * Receives the EDUs of a transaction (Server-Server API, "EDUs"). Types that nobody receives are left alone. One that
 * speaks for a user of another server than its sender's is dropped as a whole, and so is what is too large or malformed (A2.1).
 */
export async function receiveEdus(
  parts: RoomParts,
  receivers: EduReceivers,
  origin: ServerName,
  edus: readonly unknown[],
): Promise<void> {
  for (const edu of edus) {
    if (!isJsonObject(edu) || !isJsonObject(edu.content) || typeof edu.edu_type !== 'string') continue;
    const receive = Object.hasOwn(receivers, edu.edu_type) ? receivers[edu.edu_type] : undefined;
    if (receive === undefined || Buffer.byteLength(JSON.stringify(edu)) > MAX_EDU_BYTES) continue;
    try {
      await receive(origin, edu.content);
    } catch (error) {
      // The database is away: the whole transaction has to come again.
      if (error instanceof MatrixError && error.status === 503) throw error;
      // A refusal concerns this one only; anything else is a fault of ours, which must not hold up the others.
      if (!(error instanceof MatrixError)) parts.onError(error);
    }
  }
}

/** The guard that every user named by an EDU passes: a server speaks for its own users. @throws MatrixError M_FORBIDDEN */
export function requireUserOf(origin: ServerName, userId: unknown): UserId {
  if (!isUserId(userId) || serverNameOf(userId) !== origin)
    throw forbidden('A server cannot speak for the users of another.');
  return userId;
}

/** A room that this server is in and in which the other one may take part. */
async function openRoom(parts: RoomParts, origin: ServerName, roomId: unknown): Promise<RoomRow | undefined> {
  const room = isRoomId(roomId) ? await parts.rooms.byId(roomId) : undefined;
  if (room === undefined || !(await serverIsJoined(parts.db, room.nid, parts.serverName))) return undefined;
  return (await serverMayTakePart(parts, room.roomId, origin)) ? room : undefined;
}

async function receiveTyping(parts: RoomParts, typing: Typing, origin: ServerName, content: JsonObject): Promise<void> {
  const userId = requireUserOf(origin, content.user_id);
  const room = await openRoom(parts, origin, content.room_id);
  if (room === undefined || !(await joinedAmong(parts.db, room.nid, [userId])).has(userId)) return;
  await typing.set(room.nid, userId, content.typing === true ? TYPING_MS : 0);
}

interface NamedReceipt {
  readonly userId: UserId;
  readonly eventId: string;
  readonly threadId: string;
  readonly ts: number;
}

async function receiveReceipts(parts: RoomParts, origin: ServerName, content: JsonObject): Promise<void> {
  const byRoom = Object.entries(content).map(
    ([roomId, ofRoom]) => [roomId, readReceipts(parts, origin, ofRoom)] as const,
  );
  for (const [roomId, receipts] of byRoom) {
    const room = receipts.length === 0 ? undefined : await openRoom(parts, origin, roomId);
    if (room === undefined) continue;
    await storeReceipts(parts, room, receipts);
  }
  parts.follower.poke();
}

/** Public receipts of one room as they came. @throws MatrixError M_FORBIDDEN when one is of another server's user */
function readReceipts(parts: RoomParts, origin: ServerName, ofRoom: unknown): NamedReceipt[] {
  const read = isJsonObject(ofRoom) ? ofRoom['m.read'] : undefined;
  if (!isJsonObject(read)) return [];
  return Object.entries(read).flatMap(([user, receipt]) => {
    const userId = requireUserOf(origin, user);
    if (!isJsonObject(receipt) || !Array.isArray(receipt.event_ids)) return [];
    const eventId = receipt.event_ids[0];
    if (!isEventId(eventId)) return [];
    const data = isJsonObject(receipt.data) ? receipt.data : {};
    const threadId = data.thread_id ?? '';
    if (threadId !== '' && threadId !== 'main' && !isEventId(threadId)) return [];
    const ts = typeof data.ts === 'number' && data.ts >= 0 ? data.ts : parts.clock.now();
    return [{ userId, eventId, threadId, ts }];
  });
}

/** Stores those whose user is in the room and whose event and thread are of the room (A2.2). */
async function storeReceipts(parts: RoomParts, room: RoomRow, receipts: readonly NamedReceipt[]): Promise<void> {
  const users = await joinedAmong(
    parts.db,
    room.nid,
    receipts.map((receipt) => receipt.userId),
  );
  const events = new Map(
    (
      await eventsById(
        parts.db,
        receipts.flatMap(({ eventId, threadId }) => [eventId, threadId]),
      )
    ).map((event) => [event.eventId as string, event]),
  );
  const sound = receipts.flatMap(({ userId, eventId, threadId, ts }): NewReceipt[] => {
    const event = events.get(eventId);
    if (!users.has(userId) || event?.roomNid !== room.nid || event.position === null) return [];
    // A receipt is kept for each thread: there are no more threads than events.
    if (threadId !== '' && threadId !== 'main' && events.get(threadId)?.roomNid !== room.nid) return [];
    return [{ userId, receiptType: 'm.read', threadId, eventId, eventPosition: event.position, ts }];
  });
  if (sound.length > 0) await putReceipts(parts.db, room.nid, sound);
}
