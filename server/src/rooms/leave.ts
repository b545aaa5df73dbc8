import { forbidden, MatrixError } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import {
  closedAccountsInRooms,
  forgetMembership,
  membershipOf,
  membershipsOfUser,
  serverIsJoined,
} from '../storage/memberships.ts';
import { leaveRemote } from './leave-remote.ts';
import type { RoomParts } from './room-parts.ts';
import { requireGraph, roomOfSender, type Sender } from './send.ts';

/**
 * Leaves a room, or declines an invite (Client-Server API, `POST /rooms/{roomId}/leave`). Where this server is not in the
 * room the leave is made through the inviter's server; it takes effect here even if that cannot be reached.
 *
 * @throws MatrixError M_FORBIDDEN when there is nothing to leave
 */
export async function leaveRoom(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  request: { reason?: string },
): Promise<void> {
  const room = await roomOfSender(parts, roomId);
  const reason = request.reason === undefined ? {} : { reason: request.reason };
  if (!(await serverIsJoined(parts.db, room.nid, parts.serverName))) {
    const membership = await membershipOf(parts.db, room.nid, sender.userId);
    if (membership === undefined) throw forbidden('You are not in this room.');
    if (membership.membership === 'leave') return;
    if (membership.membership === 'ban') throw forbidden('You are banned from this room.');
    await leaveRemote(parts, sender, room, membership, reason);
    return;
  }
  await parts.writer.write(room.nid, async (open) => {
    requireGraph(open);
    const current = await open.stateEvent('m.room.member', sender.userId);
    if (current === undefined) throw forbidden('You are not in this room.');
    if (current.pdu.content.membership === 'leave') return { eventId: current.eventId };
    const made = await open.append({
      type: 'm.room.member',
      stateKey: sender.userId,
      sender: sender.userId,
      content: { membership: 'leave', ...reason },
      deviceId: sender.deviceId,
    });
    return { eventId: made.eventId };
  });
}

/**
 * Forgets a room (Client-Server API, `POST /rooms/{roomId}/forget`): it no longer shows up for the user.
 *
 * @throws MatrixError M_UNKNOWN when the user is still in the room
 */
export async function forgetRoom(parts: RoomParts, sender: Sender, roomId: string): Promise<void> {
  const room = await roomOfSender(parts, roomId);
  const membership = await membershipOf(parts.db, room.nid, sender.userId);
  if (membership === undefined) throw forbidden('You are not in this room.');
  if (!(await forgetMembership(parts.db, room.nid, sender.userId)))
    throw new MatrixError('M_UNKNOWN', 'Leave the room before you forget it.', 400);
}

/** Takes a user out of all rooms and declines their invites: what follows when an account is closed. */
export async function leaveAllRooms(parts: RoomParts, userId: UserId): Promise<void> {
  for (const membership of await membershipsOfUser(parts.db, userId)) {
    if (membership.membership === 'leave' || membership.membership === 'ban') continue;
    const room = (await parts.rooms.byNid([membership.roomNid])).get(membership.roomNid);
    if (room === undefined) continue;
    try {
      await leaveRoom(parts, { userId, deviceId: '' }, room.roomId, {});
    } catch (error) {
      parts.onError(error); // The other rooms are left all the same.
    }
  }
}

/** Goes on with what the closing of accounts began: a process that ended in the middle of it has left their users in rooms. */
export async function leaveRoomsOfClosedAccounts(parts: RoomParts): Promise<void> {
  for await (const userId of closedAccountsInRooms(parts.db)) await leaveAllRooms(parts, userId);
}
