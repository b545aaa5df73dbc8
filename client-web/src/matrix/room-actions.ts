import { EventType, type ICreateRoomOpts, Preset, ReceiptType, Visibility } from 'matrix-js-sdk';
import { type NotificationLevel, writeNotificationLevel } from './notification-level.ts';
import { readDirectRooms } from './room-watcher.ts';
import type { Session } from './session.ts';

export interface NewChannel {
  name: string;
  topic: string;
  /** Anyone on the server can find and join it; otherwise one must be invited. */
  isPublic: boolean;
  /** The part of the address between `#` and `:`, for public channels. */
  aliasLocalpart: string;
  /** Whether people on other servers can be in it. Cannot be changed later. */
  isFederated: boolean;
}

/** Creates a channel and returns its room id. */
export async function createChannel(session: Session, channel: NewChannel): Promise<string> {
  const options: ICreateRoomOpts = {
    name: channel.name,
    preset: channel.isPublic ? Preset.PublicChat : Preset.PrivateChat,
    visibility: channel.isPublic ? Visibility.Public : Visibility.Private,
    ...(channel.topic ? { topic: channel.topic } : {}),
    ...(channel.isPublic && channel.aliasLocalpart ? { room_alias_name: channel.aliasLocalpart } : {}),
    ...(channel.isFederated ? {} : { creation_content: { 'm.federate': false } }),
  };
  const { room_id: roomId } = await session.client.createRoom(options);
  await joined(session, roomId);
  return roomId;
}

/** The direct message with exactly these people: the one there is, or a new one. Returns its room id. */
export async function openDirectMessage(session: Session, userIds: readonly string[]): Promise<string> {
  const [userId, ...others] = userIds;
  if (userId === undefined) throw new Error('A direct message needs somebody to talk to');
  const existing = others.length === 0 ? findDirectMessage(session, userId) : undefined;
  if (existing) return existing;
  const { room_id: roomId } = await session.client.createRoom({
    preset: Preset.TrustedPrivateChat,
    is_direct: true,
    invite: [...userIds],
  });
  await rememberDirect(session, roomId, userId);
  await joined(session, roomId);
  return roomId;
}

/** Accepts an invitation or joins a room. `via` are servers that know it. Returns the room id. */
export async function joinRoom(session: Session, roomIdOrAlias: string, via: readonly string[] = []): Promise<string> {
  const invitedBy = session.rooms.get(roomIdOrAlias);
  const room = await session.client.joinRoom(roomIdOrAlias, via.length > 0 ? { viaServers: [...via] } : {});
  // The inviter said that it is a direct message; from now on our own account data says so.
  if (invitedBy?.membership === 'invite' && invitedBy.directUserId) {
    await rememberDirect(session, room.roomId, invitedBy.directUserId);
  }
  await joined(session, room.roomId);
  return room.roomId;
}

/** Leaves a room, or declines the invitation to it. */
export async function leaveRoom(session: Session, roomId: string): Promise<void> {
  await session.client.leave(roomId);
}

/** Puts a room among the favourites, to the low priorities, or back to the others. */
export async function setRoomTag(session: Session, roomId: string, tag: 'm.favourite' | 'm.lowpriority' | undefined) {
  const summary = session.rooms.get(roomId);
  if (summary?.isFavourite && tag !== 'm.favourite') await session.client.deleteRoomTag(roomId, 'm.favourite');
  if (summary?.isLowPriority && tag !== 'm.lowpriority') await session.client.deleteRoomTag(roomId, 'm.lowpriority');
  if (tag) await session.client.setRoomTag(roomId, tag, { order: 0.5 });
}

export async function setNotificationLevel(session: Session, roomId: string, level: NotificationLevel): Promise<void> {
  await writeNotificationLevel(session.client, roomId, level);
}

/** Marks everything in a room as read, threads included. */
export async function markRoomRead(session: Session, roomId: string): Promise<void> {
  const event = session.client.getRoom(roomId)?.getLastLiveEvent();
  if (event) await session.client.sendReadReceipt(event, ReceiptType.Read, true);
}

const joinedTimeoutMs = 10_000;

/**
 * Resolves once sync has brought a room that the server has just put us into, so that it can be shown. Gives up waiting
 * after a while: the room will come.
 */
function joined(session: Session, roomId: string): Promise<void> {
  const isThere = () => session.rooms.get(roomId)?.membership === 'join';
  if (isThere()) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const timer = setTimeout(finish, joinedTimeoutMs);
    const unsubscribe = session.rooms.subscribe(() => isThere() && finish());
  });
}

function findDirectMessage(session: Session, userId: string): string | undefined {
  const candidates = [...readDirectRooms(session.client)]
    .filter(([, otherId]) => otherId === userId)
    .flatMap(([roomId]) => session.rooms.get(roomId) ?? [])
    .filter((summary) => {
      if (summary.membership !== 'join') return false;
      // Somebody who has left would not see what we write.
      const other = session.client.getRoom(summary.roomId)?.getMember(userId)?.membership;
      return other === 'join' || other === 'invite';
    });
  return candidates.sort((a, b) => b.lastActivity - a.lastActivity)[0]?.roomId;
}

async function rememberDirect(session: Session, roomId: string, userId: string): Promise<void> {
  const before: Record<string, unknown> = session.client.getAccountData(EventType.Direct)?.getContent() ?? {};
  const rooms = new Map<string, string[]>();
  for (const [id, roomIds] of Object.entries(before)) {
    if (Array.isArray(roomIds))
      rooms.set(
        id,
        roomIds.filter((known) => typeof known === 'string' && known !== roomId),
      );
  }
  rooms.set(userId, [...(rooms.get(userId) ?? []), roomId]);
  await session.client.setAccountData(EventType.Direct, Object.fromEntries(rooms));
}
