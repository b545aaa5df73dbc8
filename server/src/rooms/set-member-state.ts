import { badJson, forbidden, invalidParam } from '../protocol/errors.ts';
import type { EventId } from '../protocol/event.ts';
import { isUserId } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { eventIdsOf } from '../storage/events.ts';
import { membershipOf } from '../storage/memberships.ts';
import { inviteUser } from './invite.ts';
import { joinRoom } from './join.ts';
import { knockOnRoom } from './knock.ts';
import { leaveRoom } from './leave.ts';
import { ban, kick } from './membership.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';
import { roomOfSender, sendState } from './send.ts';

/**
 * Sets a membership through `PUT /rooms/{roomId}/state/m.room.member/{userId}`: does what the call for that membership does,
 * so that other servers are asked where they have to be. A join of somebody who is joined changes their profile in the room.
 *
 * @returns id of the membership event that stands then
 */
export async function setMemberState(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  state: { type: string; stateKey: string; content: JsonObject },
): Promise<EventId> {
  const userId = state.stateKey;
  if (!isUserId(userId)) throw invalidParam('The state key of a membership is a user id.');
  const { membership, reason } = state.content;
  const why = typeof reason === 'string' ? { reason } : {};
  const own = userId === sender.userId;
  switch (membership) {
    case 'join':
      if (!own) throw forbidden('Nobody can join for somebody else.');
      await joinRoom(parts, sender, roomId, why);
      return await sendState(parts, sender, roomId, state);
    case 'knock':
      if (!own) throw forbidden('Nobody can knock for somebody else.');
      await knockOnRoom(parts, sender, roomId, why);
      break;
    case 'invite':
      await inviteUser(parts, sender, roomId, { userId, ...why, isDirect: state.content.is_direct === true });
      break;
    case 'leave':
      if (own) await leaveRoom(parts, sender, roomId, why);
      else await kick(parts, sender, roomId, { userId, ...why });
      break;
    case 'ban':
      await ban(parts, sender, roomId, { userId, ...why });
      break;
    default:
      throw badJson('membership must be join, knock, invite, leave or ban.');
  }
  // From the row: who has knocked or left may not read the room.
  const room = await roomOfSender(parts, roomId);
  const row = await membershipOf(parts.db, room.nid, userId);
  const eventId = row === undefined ? undefined : (await eventIdsOf(parts.db, [row.eventNid])).get(row.eventNid);
  if (eventId === undefined) throw new Error(`${userId} has no membership in ${roomId}`);
  return eventId;
}
