import { badJson, forbidden, invalidParam } from '../protocol/errors.ts';
import type { EventId } from '../protocol/event.ts';
import { isUserId } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { inviteUser } from './invite.ts';
import { joinRoom } from './join.ts';
import { leaveRoom } from './leave.ts';
import { ban, kick } from './membership.ts';
import { readStateEvent } from './reading.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';
import { sendState } from './send.ts';

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
      throw badJson('membership must be join, invite, leave or ban.');
  }
  const viewer = { userId: sender.userId, deviceId: sender.deviceId };
  return (await readStateEvent(parts, viewer, roomId, { type: state.type, stateKey: userId })).event_id as EventId;
}
