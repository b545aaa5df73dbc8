import {
  EventType,
  type MatrixEvent,
  type RoomMember,
  RoomMemberEvent,
  RoomStateEvent,
  UserEvent,
} from 'matrix-js-sdk';
import { readText } from './room-summary.ts';
import type { Session } from './session.ts';

export type Role = 'owner' | 'admin' | 'moderator' | 'member';
export type PresenceState = 'online' | 'unavailable' | 'offline';

export interface Member {
  userId: string;
  name: string;
  avatarMxc: string | undefined;
  membership: 'join' | 'invite' | 'ban';
  /** Infinity for the creators of a room of version 12 or later. */
  powerLevel: number;
  role: Role;
  /** Undefined where the server does not tell. */
  presence: PresenceState | undefined;
}

/** What the signed-in user may do in a room, by its power levels. */
export interface RoomPermissions {
  powerLevel: number;
  invite: boolean;
  kick: boolean;
  ban: boolean;
  setName: boolean;
  setTopic: boolean;
  setAvatar: boolean;
  setJoinRule: boolean;
  setAlias: boolean;
  setPowerLevels: boolean;
  sendMessages: boolean;
}

/** Which power makes which role. The names are ours; the numbers are those of the spec's defaults. */
export function roleOf(powerLevel: number): Role {
  if (powerLevel === Number.POSITIVE_INFINITY) return 'owner';
  if (powerLevel >= 100) return 'admin';
  return powerLevel >= 50 ? 'moderator' : 'member';
}

/** Members are fetched when a room is first looked at, not with every sync. */
export async function loadMembers(session: Session, roomId: string): Promise<void> {
  await session.client.getRoom(roomId)?.loadMembersIfNeeded();
}

/** Joined, invited and banned members in no particular order. */
export function readMembers(session: Session, roomId: string): Member[] {
  const room = session.client.getRoom(roomId);
  return (room?.getMembers() ?? []).flatMap((member) => toMember(session, member) ?? []);
}

export function readMember(session: Session, roomId: string, userId: string): Member | undefined {
  const member = session.client.getRoom(roomId)?.getMember(userId);
  return member ? toMember(session, member) : undefined;
}

/** Who kicked or banned us and why, if that is how our membership ended. */
export function readRemoval(
  session: Session,
  roomId: string,
): { name: string; reason: string | undefined } | undefined {
  const room = session.client.getRoom(roomId);
  const membership = room?.getMyMembership();
  const event = room?.getMember(session.userId)?.events.member;
  const senderId = event?.getSender();
  if (!event || !senderId || senderId === session.userId) return undefined;
  if (membership !== 'leave' && membership !== 'ban') return undefined;
  return { name: room?.getMember(senderId)?.name ?? senderId, reason: readText(event, 'reason') };
}

export function readPermissions(session: Session, roomId: string): RoomPermissions {
  const room = session.client.getRoom(roomId);
  const me = room?.getMember(session.userId);
  const powerLevel = me?.powerLevel ?? 0;
  const isJoined = room?.getMyMembership() === 'join';
  const maySet = (type: EventType) => isJoined && (room?.currentState.maySendStateEvent(type, session.userId) ?? false);
  const mayDo = (action: 'kick' | 'ban' | 'redact') =>
    isJoined && (room?.currentState.hasSufficientPowerLevelFor(action, powerLevel) ?? false);
  return {
    powerLevel,
    invite: isJoined && (room?.canInvite(session.userId) ?? false),
    kick: mayDo('kick'),
    ban: mayDo('ban'),
    setName: maySet(EventType.RoomName),
    setTopic: maySet(EventType.RoomTopic),
    setAvatar: maySet(EventType.RoomAvatar),
    setJoinRule: maySet(EventType.RoomJoinRules),
    setAlias: maySet(EventType.RoomCanonicalAlias),
    setPowerLevels: maySet(EventType.RoomPowerLevels),
    sendMessages: room?.maySendMessage() ?? false,
  };
}

/** Calls back, once per burst, when members, their power or presence, or the state of the room change. */
export function watchRoom(session: Session, roomId: string, listener: () => void): () => void {
  const { client } = session;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const schedule = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      listener();
    }, 50);
  };
  const onState = (event: MatrixEvent) => event.getRoomId() === roomId && schedule();
  const onMember = (_event: MatrixEvent, member: RoomMember) => member.roomId === roomId && schedule();
  client.on(RoomStateEvent.Events, onState);
  client.on(RoomMemberEvent.PowerLevel, onMember);
  client.on(UserEvent.Presence, schedule);
  return () => {
    client.off(RoomStateEvent.Events, onState);
    client.off(RoomMemberEvent.PowerLevel, onMember);
    client.off(UserEvent.Presence, schedule);
    clearTimeout(timer);
  };
}

export async function inviteMember(session: Session, roomId: string, userId: string): Promise<void> {
  await session.client.invite(roomId, userId);
}

export async function kickMember(session: Session, roomId: string, userId: string, reason?: string): Promise<void> {
  await session.client.kick(roomId, userId, reason || undefined);
}

export async function banMember(session: Session, roomId: string, userId: string, reason?: string): Promise<void> {
  await session.client.ban(roomId, userId, reason || undefined);
}

export async function unbanMember(session: Session, roomId: string, userId: string): Promise<void> {
  await session.client.unban(roomId, userId);
}

export async function setMemberPower(session: Session, roomId: string, userId: string, powerLevel: number) {
  await session.client.setPowerLevel(roomId, userId, powerLevel);
}

export function readPresence(session: Session, userId: string): PresenceState | undefined {
  const user = session.client.getUser(userId);
  // Users that no presence event came for have a made-up "offline".
  if (!user?.events.presence) return undefined;
  if (user.presence === 'online' && user.currentlyActive === false && user.lastActiveAgo > 5 * 60_000)
    return 'unavailable';
  return user.presence === 'online' || user.presence === 'unavailable' ? user.presence : 'offline';
}

function toMember(session: Session, member: RoomMember): Member | undefined {
  const { membership } = member;
  if (membership !== 'join' && membership !== 'invite' && membership !== 'ban') return undefined;
  return {
    userId: member.userId,
    name: member.name,
    avatarMxc: member.getMxcAvatarUrl(),
    membership,
    powerLevel: member.powerLevel,
    role: roleOf(member.powerLevel),
    presence: readPresence(session, member.userId),
  };
}

/** The power that a role has, for giving it to somebody. */
export const rolePower: Readonly<Record<Exclude<Role, 'owner'>, number>> = { admin: 100, moderator: 50, member: 0 };
