import {
  EventType,
  JoinRule,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  type Room,
} from 'matrix-js-sdk';
import { type NotificationLevel, readNotificationLevel } from './notification-level.ts';
import { countUnread, type Unread } from './unread.ts';

export type RoomMembership = 'join' | 'invite' | 'knock' | 'leave' | 'ban';

export interface LastMessage {
  eventId: string;
  senderId: string;
  senderName: string;
  /** Undefined for what is not text, and for what is encrypted. */
  text: string | undefined;
}

/** What lists and headers show of a room. Plain data; a new object whenever something in it changes. */
export interface RoomSummary {
  roomId: string;
  name: string;
  topic: string | undefined;
  avatarMxc: string | undefined;
  canonicalAlias: string | undefined;
  membership: RoomMembership;
  kind: 'channel' | 'direct' | 'space';
  /** The other person of a direct message. */
  directUserId: string | undefined;
  isPublic: boolean;
  isEncrypted: boolean;
  isFavourite: boolean;
  isLowPriority: boolean;
  /** Joined members. */
  memberCount: number;
  notificationLevel: NotificationLevel;
  unread: Unread;
  /** When the last message was sent, in milliseconds since 1970; 0 if none is known. */
  lastActivity: number;
  /** The last message, for lists that show a line of each room. */
  lastMessage: LastMessage | undefined;
  /** Who invited us, for invites. */
  inviter: { userId: string; name: string } | undefined;
  /** The rooms in a space; empty for others. */
  spaceChildIds: readonly string[];
  /** Replaced by a newer room that we are in too, so that lists leave it out. */
  isReplaced: boolean;
}

const messageTypes: ReadonlySet<string> = new Set([
  EventType.RoomMessage,
  EventType.RoomMessageEncrypted,
  EventType.Sticker,
  'm.poll.start',
]);

export function summarizeRoom(client: MatrixClient, room: Room, directRooms: ReadonlyMap<string, string>): RoomSummary {
  const state = room.currentState;
  const membership = room.getMyMembership() as RoomMembership;
  const inviter = membership === 'invite' ? readInviter(room, client.getSafeUserId()) : undefined;
  const directUserId = directRooms.get(room.roomId) ?? (membership === 'invite' ? room.getDMInviter() : undefined);
  const isSpace = room.isSpaceRoom();
  const lastMessage = findLastMessage(room);
  const notificationLevel = readNotificationLevel(client, room.roomId);
  return {
    roomId: room.roomId,
    name: room.name,
    topic: readText(state.getStateEvents(EventType.RoomTopic, ''), 'topic'),
    avatarMxc: room.getMxcAvatarUrl() ?? (directUserId ? room.getMember(directUserId)?.getMxcAvatarUrl() : undefined),
    canonicalAlias: room.getCanonicalAlias() ?? undefined,
    membership,
    kind: isSpace ? 'space' : directUserId ? 'direct' : 'channel',
    directUserId,
    isPublic: room.getJoinRule() === JoinRule.Public,
    isEncrypted: room.hasEncryptionStateEvent(),
    isFavourite: Object.hasOwn(room.tags, 'm.favourite'),
    isLowPriority: Object.hasOwn(room.tags, 'm.lowpriority'),
    memberCount: room.getJoinedMemberCount(),
    notificationLevel,
    unread: countUnread({
      notifications: room.getUnreadNotificationCount(NotificationCountType.Total),
      mentions: room.getUnreadNotificationCount(NotificationCountType.Highlight),
      hasUnreadMessage: isUnread(room, lastMessage, client.getSafeUserId()),
      notificationLevel,
      isInvite: membership === 'invite',
    }),
    lastActivity: lastMessage?.getTs() ?? readJoinTime(room, client.getSafeUserId()),
    lastMessage: lastMessage && toLastMessage(lastMessage),
    inviter,
    spaceChildIds: isSpace ? readSpaceChildren(room) : [],
    isReplaced: isReplaced(client, room),
  };
}

/** A member of event content, only if it is text that says something: content is whatever the sender put there. */
export function readText(event: MatrixEvent | null | undefined, key: string): string | undefined {
  const value: unknown = event?.getContent()[key];
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

function findLastMessage(room: Room): MatrixEvent | undefined {
  const events = room.getLiveTimeline().getEvents();
  let last = events.findLast((event) => messageTypes.has(event.getType()) && !event.isRedacted());
  for (const thread of room.getThreads()) {
    const reply = thread.replyToEvent;
    if (reply && reply.getTs() > (last?.getTs() ?? 0)) last = reply;
  }
  return last;
}

function toLastMessage(event: MatrixEvent): LastMessage {
  return {
    eventId: event.getId() ?? '',
    senderId: event.getSender() ?? '',
    senderName: event.sender?.name ?? event.getSender() ?? '',
    text: event.getType() === EventType.RoomMessageEncrypted ? undefined : readText(event, 'body'),
  };
}

function isUnread(room: Room, event: MatrixEvent | undefined, userId: string): boolean {
  const eventId = event?.getId();
  if (!event || !eventId || event.getSender() === userId || event.threadRootId) return false;
  return !room.hasUserReadEvent(userId, eventId);
}

function readInviter(room: Room, userId: string): RoomSummary['inviter'] {
  const inviterId = room.getMember(userId)?.events.member?.getSender();
  return inviterId ? { userId: inviterId, name: room.getMember(inviterId)?.name ?? inviterId } : undefined;
}

function readJoinTime(room: Room, userId: string): number {
  return room.getMember(userId)?.events.member?.getTs() ?? 0;
}

/** A child is in the space as long as its event names servers to join by. */
function readSpaceChildren(room: Room): string[] {
  const events = room.currentState.getStateEvents(EventType.SpaceChild);
  return events.flatMap((event) => {
    const roomId = event.getStateKey();
    const via: unknown = event.getContent().via;
    return roomId && Array.isArray(via) && via.length > 0 ? [roomId] : [];
  });
}

/** An upgrade counts only if both rooms say so, else anyone could hide a room by naming it as a predecessor. */
function isReplaced(client: MatrixClient, room: Room): boolean {
  const replacementId: unknown = room.currentState
    .getStateEvents(EventType.RoomTombstone, '')
    ?.getContent().replacement_room;
  if (typeof replacementId !== 'string') return false;
  const replacement = client.getRoom(replacementId);
  return replacement?.getMyMembership() === 'join' && replacement.findPredecessor()?.roomId === room.roomId;
}
