import { notFound } from '../protocol/errors.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { membershipOf } from '../storage/memberships.ts';
import { candidateServers } from './candidate-servers.ts';
import { resolveRoom } from './join.ts';
import type { RemoteSpaces } from './remote-spaces.ts';
import type { RoomParts } from './room-parts.ts';
import { maySee, NOBODY, standingOf } from './space-hierarchy.ts';
import { residentRooms, spaceRoomsOf } from './space-rooms.ts';

/** Requests to other servers for one summary. */
const MAX_CALLS = 2;

/**
 * What may be known of a room before entering it (Client-Server API, `GET /room_summary/{roomIdOrAlias}`). Who is in the room,
 * invited, or could enter it, knock or peek sees it, as in the hierarchy of spaces. Other servers are asked about rooms that
 * this one is not in, but only for users of this one.
 *
 * @param userId undefined for who is not signed in
 * @param via servers that may know the room
 * @throws MatrixError M_NOT_FOUND, the same for rooms that do not exist and for those that the user may not see;
 *   M_INVALID_PARAM
 */
export async function roomSummary(
  parts: RoomParts,
  remote: RemoteSpaces,
  userId: UserId | undefined,
  roomIdOrAlias: string,
  via: readonly ServerName[],
): Promise<JsonObject> {
  const { roomId, servers } = await resolveRoom(parts, roomIdOrAlias);
  const room = await parts.rooms.byId(roomId);
  let described = (await spaceRoomsOf(parts, await residentRooms(parts, [roomId]))).get(roomId);
  if (described === undefined && userId !== undefined) {
    const candidates = await candidateServers(parts, { userId }, { roomId, room }, [...via, ...servers]);
    described = (await remote.look({ roomId, via: candidates }, { calls: MAX_CALLS }))?.room;
  }
  const standing = userId === undefined ? NOBODY : await standingOf(parts, userId);
  if (described === undefined || !maySee(described, standing)) throw notFound('There is no such room.');
  const member = room && userId && (await membershipOf(parts.db, room.nid, userId));
  return { ...described.summary, ...(member && { membership: member.membership }) };
}
