import { EventType, JoinRule, Visibility } from 'matrix-js-sdk';
import { readText } from './room-summary.ts';
import type { Session } from './session.ts';

/** Who may join, as far as this client offers it. `other` is a rule that it shows but does not set. */
export type Access = 'public' | 'invite' | 'other';

export interface RoomSettings {
  name: string;
  topic: string;
  avatarMxc: string | undefined;
  access: Access;
  /** The main address, `#name:server`. */
  canonicalAlias: string | undefined;
  roomVersion: string;
  isFederated: boolean;
}

export function readRoomSettings(session: Session, roomId: string): RoomSettings | undefined {
  const room = session.client.getRoom(roomId);
  if (!room) return undefined;
  const rule = room.getJoinRule();
  return {
    name: readText(room.currentState.getStateEvents(EventType.RoomName, ''), 'name') ?? '',
    topic: readText(room.currentState.getStateEvents(EventType.RoomTopic, ''), 'topic') ?? '',
    avatarMxc: room.getMxcAvatarUrl() ?? undefined,
    access: rule === JoinRule.Public ? 'public' : rule === JoinRule.Invite ? 'invite' : 'other',
    canonicalAlias: room.getCanonicalAlias() ?? undefined,
    roomVersion: room.getVersion(),
    isFederated: room.currentState.getStateEvents(EventType.RoomCreate, '')?.getContent()['m.federate'] !== false,
  };
}

export async function setRoomName(session: Session, roomId: string, name: string): Promise<void> {
  await session.client.setRoomName(roomId, name);
}

export async function setRoomTopic(session: Session, roomId: string, topic: string): Promise<void> {
  await session.client.setRoomTopic(roomId, topic);
}

/** Uploads a picture and makes it the room's; undefined removes it. */
export async function setRoomAvatar(session: Session, roomId: string, file: Blob | undefined): Promise<void> {
  const url = file ? (await session.client.uploadContent(file)).content_uri : undefined;
  await session.client.sendStateEvent(roomId, EventType.RoomAvatar, url ? { url } : {}, '');
}

export async function setRoomAccess(session: Session, roomId: string, access: 'public' | 'invite'): Promise<void> {
  const joinRule = access === 'public' ? JoinRule.Public : JoinRule.Invite;
  await session.client.sendStateEvent(roomId, EventType.RoomJoinRules, { join_rule: joinRule }, '');
}

/** Whether our server's list of public rooms shows the room. */
export async function isListed(session: Session, roomId: string): Promise<boolean> {
  const { visibility } = await session.client.getRoomDirectoryVisibility(roomId);
  return visibility === Visibility.Public;
}

export async function setListed(session: Session, roomId: string, listed: boolean): Promise<void> {
  await session.client.setRoomDirectoryVisibility(roomId, listed ? Visibility.Public : Visibility.Private);
}

/** Gives the room an address on our server and makes it the main one. */
export async function setRoomAlias(session: Session, roomId: string, localpart: string): Promise<void> {
  const alias = `#${localpart}:${session.serverName}`;
  const { aliases } = await session.client.getLocalAliases(roomId);
  if (!aliases.includes(alias)) await session.client.createAlias(alias, roomId);
  const room = session.client.getRoom(roomId);
  const before: Record<string, unknown> =
    room?.currentState.getStateEvents(EventType.RoomCanonicalAlias, '')?.getContent() ?? {};
  await session.client.sendStateEvent(roomId, EventType.RoomCanonicalAlias, { ...before, alias }, '');
}
