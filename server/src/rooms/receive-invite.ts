import { forbidden, invalidParam, MatrixError } from '../protocol/errors.ts';
import type { Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import { findAccount } from '../storage/accounts.ts';
import { admitPdu, cosignPdu, type VerifiedPdu } from './admit-pdu.ts';
import { storeOutlierMembership } from './outlier-membership.ts';
import type { RoomParts } from './room-parts.ts';
import { readIdentifyingState } from './stripped-state.ts';

/** An invite as another server submits it; nothing of it has been looked at yet. */
export interface SubmittedInvite {
  readonly roomId: RoomId;
  readonly eventId: string;
  readonly roomVersion: string;
  readonly event: unknown;
  readonly inviteRoomState: readonly unknown[];
}

/**
 * Receives the invite of one of our users and signs it (Server-Server API, `PUT /v2/invite/{roomId}/{eventId}`). Nothing but an
 * invite is signed, from a user of the calling server to an account of ours (A1.3).
 *
 * @returns the event with our signature
 * @throws MatrixError M_INCOMPATIBLE_ROOM_VERSION, M_INVALID_PARAM, M_FORBIDDEN
 */
export async function receiveInvite(parts: RoomParts, origin: ServerName, request: SubmittedInvite): Promise<Pdu> {
  const version = roomVersion(request.roomVersion);
  if (version === undefined)
    throw new MatrixError('M_INCOMPATIBLE_ROOM_VERSION', 'This server does not support the version of the room.', 400, {
      room_version: request.roomVersion,
    });
  const invite = await admitPdu(parts, version, request.event, request.roomId);
  checkInvite(parts, origin, request, invite);
  const { state, fault } = await readIdentifyingState(parts, version, request.roomId, request.inviteRoomState);
  if (fault !== undefined) throw invalidParam(`invite_room_state: ${fault}.`);
  const account = await findAccount(parts.db, invite.pdu.state_key ?? '');
  if (account === undefined || account.isDeactivated) throw forbidden('This user cannot be invited.');
  const room = await parts.rooms.create(request.roomId, version.id);
  if (room.version !== version.id) throw invalidParam('The room has another version.');
  const signed = cosignPdu(parts, version, invite);
  await storeOutlierMembership(parts, room, signed, { local: false, strippedState: JSON.stringify(state) });
  return signed.pdu;
}

function checkInvite(parts: RoomParts, origin: ServerName, request: SubmittedInvite, invite: VerifiedPdu): void {
  const { pdu } = invite;
  if (invite.eventId !== request.eventId) throw invalidParam('The event id of the path is not that of the event.');
  if (invite.isRedacted) throw invalidParam('The content of the event does not fit its hash.');
  if (pdu.type !== 'm.room.member' || pdu.content.membership !== 'invite')
    throw invalidParam('The event is not an invite.');
  if (serverNameOf(pdu.sender) !== origin) throw invalidParam('The inviter is not a user of your server.');
  if (!isUserId(pdu.state_key) || serverNameOf(pdu.state_key) !== parts.serverName)
    throw invalidParam('The invited user is not one of this server.');
}
