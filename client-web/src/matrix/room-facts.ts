import { EventType, type MatrixEvent, type Room, RoomStateEvent } from 'matrix-js-sdk';
import { textField } from './event-content.ts';
import { memberOf } from './event-projection.ts';
import type { Session } from './session.ts';
import type { Person } from './timeline-event.ts';

/** What the user may do in a room, by its power levels. */
export interface RoomPermissions {
  canSend: boolean;
  canReact: boolean;
  /** Delete own messages. */
  canRedact: boolean;
  /** Delete messages of others. */
  canRedactOthers: boolean;
  canMentionRoom: boolean;
  isJoined: boolean;
}

export interface RoomFacts {
  name: string;
  kind: 'direct' | 'public' | 'private';
  topic?: string;
  createdBy?: Person;
  createdAt?: number;
  isEncrypted: boolean;
  /** The room that replaces this one. */
  replacementRoomId?: string;
  permissions: RoomPermissions;
}

function permissionsOf(room: Room, userId: string): RoomPermissions {
  const state = room.currentState;
  const isJoined = room.getMyMembership() === 'join';
  const own = state.getMember(userId)?.powerLevel ?? 0;
  return {
    isJoined,
    canSend: isJoined && state.maySendEvent(EventType.RoomMessage, userId),
    canReact: isJoined && state.maySendEvent(EventType.Reaction, userId),
    canRedact: isJoined && state.maySendEvent(EventType.RoomRedaction, userId),
    canRedactOthers: isJoined && state.hasSufficientPowerLevelFor('redact', own),
    canMentionRoom: isJoined && state.mayTriggerNotifOfType('room', userId),
  };
}

/** What the timeline and the composer must know of a room besides its events. */
export function roomFacts(session: Session, room: Room): RoomFacts {
  const create = room.currentState.getStateEvents(EventType.RoomCreate, '');
  const creator = create?.getSender();
  const topic = textField(room.currentState.getStateEvents(EventType.RoomTopic, '')?.getContent(), 'topic')?.trim();
  const replacementRoomId = textField(
    room.currentState.getStateEvents(EventType.RoomTombstone, '')?.getContent(),
    'replacement_room',
  );
  const summary = session.rooms.get(room.roomId);
  const openness = summary?.isPublic ? 'public' : 'private';
  return {
    name: room.name,
    kind: summary?.kind === 'direct' ? 'direct' : openness,
    ...(topic && { topic }),
    ...(creator && { createdBy: memberOf(room, creator) }),
    ...(create && { createdAt: create.getTs() }),
    ...(replacementRoomId && { replacementRoomId }),
    isEncrypted: room.hasEncryptionStateEvent(),
    permissions: permissionsOf(room, session.userId),
  };
}

/** Calls `onChange` when a fact may have changed. Returns the function that ends it. */
export function watchRoomFacts(room: Room, onChange: () => void): () => void {
  const onState = (event: MatrixEvent): void => {
    // Members come by the thousand, and only one's own membership is a fact here.
    if (event.getType() !== EventType.RoomMember || event.getStateKey() === room.myUserId) onChange();
  };
  room.on(RoomStateEvent.Events, onState);
  return () => void room.off(RoomStateEvent.Events, onState);
}

/**
 * Servers that are likely to be in the room for a while, for links to it: those with the most members, at most three.
 */
export function likelyServers(room: Room): string[] {
  const counts = new Map<string, number>();
  for (const member of room.getJoinedMembers().slice(0, 1000)) {
    const server = member.userId.slice(member.userId.indexOf(':') + 1);
    counts.set(server, (counts.get(server) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3)
    .map(([server]) => server);
}
