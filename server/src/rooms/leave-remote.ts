import { MatrixError } from '../protocol/errors.ts';
import type { EventId } from '../protocol/event.ts';
import { hashAndSignEvent } from '../protocol/event-signing.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import { eventsByNid } from '../storage/events.ts';
import type { MembershipRow } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { memberTemplate } from './join-remote.ts';
import { storeOutlierMembership } from './outlier-membership.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';

/**
 * Declines an invite, or takes back a knock, in a room that this server is not in (Server-Server API, "Leaving Rooms"). The
 * user has left in any case: if the other server cannot be told, the leave is ours alone.
 */
export async function leaveRemote(
  parts: RoomParts,
  sender: Sender,
  room: RoomRow,
  membership: MembershipRow,
  content: JsonObject,
): Promise<void> {
  const leaving = { ...content, membership: 'leave' };
  const sign = (made: JsonObject, versionId: string) => {
    const version = roomVersion(versionId);
    if (version === undefined) throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', 'Unknown room version.', 400);
    const template = memberTemplate(parts, sender.userId, room.roomId, made, leaving);
    return hashAndSignEvent(template, version, parts.serverName, parts.signingKey);
  };
  const server = serverNameOf(membership.sender);
  try {
    if (server !== parts.serverName) {
      const patient = { ignoreBackoff: true, deadlineMs: 20_000 };
      const request = { roomId: room.roomId, userId: sender.userId };
      const made = await parts.federation.makeLeave(server, request, patient);
      const leave = sign(made.event, made.roomVersion ?? room.version);
      const sent = { roomId: room.roomId, eventId: leave.eventId, event: leave.pdu };
      await parts.federation.sendLeave(server, sent, patient);
      await storeOutlierMembership(parts, room, leave, { local: true, strippedState: null });
      return;
    }
  } catch (error) {
    // Unreachable, or it no longer knows of the invite: the user wants to be out all the same.
    if (!(error instanceof MatrixError)) throw error;
  }
  const [invite] = await eventsByNid(parts.db, [membership.eventNid]);
  const prev: EventId[] = invite === undefined ? [] : [invite.eventId];
  const leave = sign({ prev_events: prev, auth_events: prev, depth: (invite?.depth ?? 0) + 1 }, room.version);
  await storeOutlierMembership(parts, room, leave, { local: true, strippedState: null });
}
