import { isCanonical } from '../protocol/canonical-json.ts';
import { forbidden, invalidParam, MatrixError } from '../protocol/errors.ts';
import type { Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { type RoomVersion, roomVersion, supportedRoomVersions } from '../protocol/room-versions.ts';
import { findAccount } from '../storage/accounts.ts';
import { admitPdu, admitPdus, cosignPdu, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import { storeOutlierMembership } from './outlier-membership.ts';
import { strippedEvent } from './plain-client-event.ts';
import type { RoomParts } from './room-parts.ts';

/** An invite as another server submits it; nothing of it has been looked at yet. */
export interface SubmittedInvite {
  readonly roomId: RoomId;
  readonly eventId: string;
  readonly roomVersion: string;
  readonly event: unknown;
  readonly inviteRoomState: readonly unknown[];
}

const MAX_STATE_EVENTS = 50;
const MAX_STATE_BYTES = 65_536;

/**
 * Receives the invite of one of our users and signs it (Server-Server API, `PUT /v2/invite/{roomId}/{eventId}`). Nothing but an
 * invite is signed, from a user of the calling server to an account of ours (A1.3).
 *
 * @returns the event with our signature
 * @throws MatrixError M_INCOMPATIBLE_ROOM_VERSION, M_INVALID_PARAM, M_FORBIDDEN
 */
export async function receiveInvite(parts: RoomParts, origin: ServerName, request: SubmittedInvite): Promise<Pdu> {
  const version = roomVersion(request.roomVersion);
  if (version === undefined || !supportedRoomVersions.includes(version.id))
    throw new MatrixError('M_INCOMPATIBLE_ROOM_VERSION', 'This server does not support the version of the room.', 400, {
      room_version: request.roomVersion,
    });
  const invite = await admitPdu(parts, version, request.event, request.roomId);
  checkInvite(parts, origin, request, invite);
  const state = await readInviteState(parts, version, request.roomId, request.inviteRoomState);
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

/**
 * State that tells the user what they are invited to, in the form for clients. Events of other rooms and forged ones make the
 * invite invalid where the room version asks for that; older servers send stripped events, which nobody has signed.
 *
 * @throws MatrixError M_INVALID_PARAM
 */
async function readInviteState(
  parts: RoomParts,
  version: RoomVersion,
  roomId: RoomId,
  entries: readonly unknown[],
): Promise<JsonObject[]> {
  if (entries.length > MAX_STATE_EVENTS || Buffer.byteLength(JSON.stringify(entries)) > MAX_STATE_BYTES)
    throw invalidParam(`invite_room_state has more than ${MAX_STATE_EVENTS} events or ${MAX_STATE_BYTES} bytes.`);
  const isStrict = version.inviteStateValidated === 'should';
  const state: JsonObject[] = [];
  for (const [index, result] of (await admitPdus(parts, version, entries, roomId)).entries()) {
    if (isAdmitted(result)) {
      if (result.pdu.state_key !== undefined) state.push(strippedEvent(result.pdu));
    } else if (isStrict) {
      // A key that cannot be had just now is nobody's forgery: only that event is left out.
      if (result.fault !== 'unknown key') throw invalidParam(`invite_room_state: ${result.reason}.`);
    } else if (isStripped(entries[index])) {
      state.push(strippedEvent(entries[index]));
    }
  }
  const hasCreate = state.some((event) => event.type === 'm.room.create' && event.state_key === '');
  if (isStrict && !hasCreate) throw invalidParam('invite_room_state lacks the m.room.create event.');
  return state;
}

function isStripped(entry: unknown): entry is JsonObject {
  return (
    isCanonical(entry) &&
    isJsonObject(entry) &&
    entry.signatures === undefined &&
    typeof entry.type === 'string' &&
    typeof entry.state_key === 'string' &&
    isUserId(entry.sender) &&
    isJsonObject(entry.content)
  );
}
