import { forbidden, invalidParam, MatrixError } from '../protocol/errors.ts';
import type { EventId, UserId } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { joinedRoomsOf } from '../storage/memberships.ts';
import { markProfileShown, memberChangesOf, unshownProfiles } from '../storage/profiles.ts';
import type { Draft } from './new-event.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';
import { requireGraph, roomOfSender, type Sender } from './send.ts';

/** Content of a member event for a local user, with the profile that others are to see. */
export async function memberContent(
  parts: RoomParts,
  userId: UserId,
  membership: 'join' | 'invite' | 'knock',
  extra: JsonObject = {},
): Promise<JsonObject> {
  const profile = serverNameOf(userId) === parts.serverName ? await parts.profileOf(userId) : undefined;
  return {
    ...extra,
    membership,
    ...(profile?.displayname === undefined ? {} : { displayname: profile.displayname }),
    ...(profile?.avatar_url === undefined ? {} : { avatar_url: profile.avatar_url }),
  };
}

/** What one user does to the membership of another. */
export interface MembershipRequest {
  readonly userId: UserId;
  readonly reason?: string;
}

async function setMembership(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  request: MembershipRequest,
  membership: 'leave' | 'ban',
  mustBe: (current: string | undefined) => string | undefined,
): Promise<EventId> {
  if (!isUserId(request.userId)) throw invalidParam('user_id is not a user id.');
  const room = await roomOfSender(parts, roomId);
  const made = await parts.writer.write(room.nid, async (open) => {
    requireGraph(open);
    const current = await open.stateEvent('m.room.member', request.userId);
    const problem = mustBe(current?.pdu.content.membership as string | undefined);
    if (problem !== undefined) throw forbidden(problem);
    const draft: Draft = {
      type: 'm.room.member',
      stateKey: request.userId,
      sender: sender.userId,
      content: { membership, ...(request.reason === undefined ? {} : { reason: request.reason }) },
      deviceId: sender.deviceId,
    };
    return { eventId: (await open.append(draft)).eventId };
  });
  return made.eventId as EventId;
}

/** Removes a member, or takes back an invite (Client-Server API, `POST /rooms/{roomId}/kick`). */
export async function kick(parts: RoomParts, sender: Sender, roomId: string, request: MembershipRequest) {
  return await setMembership(parts, sender, roomId, request, 'leave', (current) =>
    current === 'join' || current === 'invite' || current === 'knock' ? undefined : 'This user is not in the room.',
  );
}

/** Client-Server API, `POST /rooms/{roomId}/ban`. */
export async function ban(parts: RoomParts, sender: Sender, roomId: string, request: MembershipRequest) {
  return await setMembership(parts, sender, roomId, request, 'ban', () => undefined);
}

/** Client-Server API, `POST /rooms/{roomId}/unban`. */
export async function unban(parts: RoomParts, sender: Sender, roomId: string, request: MembershipRequest) {
  return await setMembership(parts, sender, roomId, request, 'leave', (current) =>
    current === 'ban' ? undefined : 'This user is not banned from the room.',
  );
}

/**
 * Shows a new profile in the rooms that the user has joined (Client-Server API, "Events on Change of Profile Information").
 * A room that refuses the change keeps the old one. Where another room fails, or this process ends, it is up to the next start.
 */
export async function updateMemberProfile(parts: RoomParts, userId: UserId): Promise<void> {
  const changes = await memberChangesOf(parts.db, userId);
  let isShown = true;
  for (const roomId of await joinedRoomsOf(parts.db, userId)) {
    const room = await parts.rooms.byId(roomId);
    if (room === undefined) continue;
    try {
      await parts.writer.write(room.nid, (open) => showProfile(parts, open, userId));
    } catch (error) {
      parts.onError(error); // The other rooms still get it.
      if (!(error instanceof MatrixError && error.errcode === 'M_FORBIDDEN')) isShown = false;
    }
  }
  if (isShown) await markProfileShown(parts.db, userId, changes);
}

async function showProfile(parts: RoomParts, open: OpenRoom, userId: UserId): Promise<void> {
  const current = await open.stateEvent('m.room.member', userId);
  if (current?.pdu.content.membership !== 'join') return;
  const { displayname, avatar_url } = current.pdu.content;
  // Read when it is our turn: whoever is the last to write to the room shows the profile of then.
  const content = await memberContent(parts, userId, 'join');
  if (displayname === content.displayname && avatar_url === content.avatar_url) return;
  await open.append({ type: 'm.room.member', stateKey: userId, sender: userId, content });
}

/** Users whose changes are read at a time. */
const USERS_AT_ONCE = 100;

/**
 * Goes on with profiles that the rooms of their users did not all show when a process ended. Where another one is still at it,
 * both do the same, and each room takes it once.
 */
export async function updateUnshownProfiles(parts: RoomParts): Promise<void> {
  for (let after = ''; ; ) {
    const userIds = await unshownProfiles(parts.db, after, USERS_AT_ONCE);
    for (const userId of userIds) await updateMemberProfile(parts, userId);
    if (userIds.length < USERS_AT_ONCE) return;
    after = userIds.at(-1) ?? '';
  }
}
