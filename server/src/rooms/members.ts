import { forbidden } from '../protocol/errors.ts';
import type { RoomId, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { joinedMembers, joinedRoomsOf, membershipOf } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import type { RoomParts } from './room-parts.ts';

/** A room that the user is in. @throws MatrixError M_FORBIDDEN, the same for rooms that do not exist */
export async function joinedRoomOf(parts: RoomParts, roomId: string, userId: UserId): Promise<RoomRow> {
  const room = await parts.rooms.byId(roomId);
  const member = room === undefined ? undefined : await membershipOf(parts.db, room.nid, userId);
  if (room === undefined || member?.membership !== 'join') throw forbidden('You are not in this room.');
  return room;
}

/** `GET /joined_rooms`. */
export async function joinedRooms(parts: RoomParts, userId: UserId): Promise<RoomId[]> {
  return await joinedRoomsOf(parts.db, userId);
}

/** `GET /rooms/{roomId}/joined_members`: profiles by user id. @throws MatrixError M_FORBIDDEN */
export async function joinedMemberProfiles(parts: RoomParts, roomId: string, userId: UserId): Promise<JsonObject> {
  const room = await joinedRoomOf(parts, roomId, userId);
  const profiles: JsonObject = Object.create(null);
  for (const member of await joinedMembers(parts.db, room.nid)) {
    profiles[member.userId] = {
      ...(member.displayName === null ? {} : { display_name: member.displayName }),
      ...(member.avatarUrl === null ? {} : { avatar_url: member.avatarUrl }),
    };
  }
  return profiles;
}
