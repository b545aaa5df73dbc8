import { forbidden, invalidParam } from '../protocol/errors.ts';
import type { EventId, Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { serversInRoom } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { acceptEvent } from './accept-event.ts';
import { admitPdu, cosignPdu, type VerifiedPdu } from './admit-pdu.ts';
import { versionOf } from './fetch-events.ts';
import type { OpenRoom } from './open-room.ts';
import { withRoomPolicy } from './policy-signatures.ts';
import { judgeRestrictedJoin, mayInvite } from './restricted-join.ts';
import type { RoomParts } from './room-parts.ts';
import { identifyingPdus } from './stripped-state.ts';
import { residentRoom, restrictedRefusal } from './templates-for-peers.ts';

/** A membership event as another server submits it; `event` has not been looked at yet. */
export interface SubmittedEvent {
  readonly roomId: RoomId;
  readonly eventId: string;
  readonly event: unknown;
}

/** A join that has been taken in. */
export interface TakenJoin {
  readonly room: RoomRow;
  readonly eventId: EventId;
  /** Servers in the room before the join. */
  readonly servers: readonly ServerName[];
}

/**
 * Takes the join of another server's user into the room (Server-Server API, `PUT /send_join/{roomId}/{eventId}`). Where one of
 * our users is named as letting them in, it is signed if that user may do so now (A4.6). Repeating it changes nothing.
 *
 * @throws MatrixError M_NOT_FOUND, M_INVALID_PARAM, M_FORBIDDEN, M_UNABLE_TO_AUTHORISE_JOIN, M_UNABLE_TO_GRANT_JOIN
 */
export async function takeJoin(parts: RoomParts, origin: ServerName, request: SubmittedEvent): Promise<TakenJoin> {
  const room = await residentRoom(parts, request.roomId);
  const servers = await serversInRoom(parts.db, room.nid);
  const join = await admitMembership(parts, room, origin, request, 'join');
  await parts.writer.writeAlone(room.nid, async (open) => {
    await takeIn(parts, open, await authorised(parts, open, join));
  });
  return { room, eventId: join.eventId, servers };
}

/**
 * Takes the leave of another server's user into the room, which may decline an invite (`PUT /send_leave/{roomId}/{eventId}`).
 *
 * @throws MatrixError M_NOT_FOUND, M_INVALID_PARAM, M_FORBIDDEN
 */
export async function takeLeave(parts: RoomParts, origin: ServerName, request: SubmittedEvent): Promise<void> {
  const room = await residentRoom(parts, request.roomId);
  const leave = await admitMembership(parts, room, origin, request, 'leave');
  await parts.writer.writeAlone(room.nid, async (open) => await takeIn(parts, open, leave));
}

/**
 * Takes the knock of another server's user into the room (Server-Server API, `PUT /send_knock/{roomId}/{eventId}`).
 *
 * @returns state that tells the user what they have knocked upon
 * @throws MatrixError M_NOT_FOUND, M_INVALID_PARAM, M_FORBIDDEN
 */
export async function takeKnock(parts: RoomParts, origin: ServerName, request: SubmittedEvent): Promise<Pdu[]> {
  const room = await residentRoom(parts, request.roomId);
  const knock = await admitMembership(parts, room, origin, request, 'knock');
  return await parts.writer.writeAlone(room.nid, async (open) => {
    await takeIn(parts, open, knock);
    return await identifyingPdus(parts, open);
  });
}

/** The submitted event, if it is what the call is for (A1.3). @throws MatrixError M_INVALID_PARAM */
async function admitMembership(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  request: SubmittedEvent,
  membership: 'join' | 'leave' | 'knock',
): Promise<VerifiedPdu> {
  const yetToSign = membership === 'join' ? parts.serverName : undefined;
  const event = await admitPdu(parts, versionOf(room), request.event, room.roomId, yetToSign);
  const { pdu } = event;
  if (event.eventId !== request.eventId) throw invalidParam('The event id of the path is not that of the event.');
  if (event.isRedacted) throw invalidParam('The content of the event does not fit its hash.');
  if (pdu.type !== 'm.room.member' || pdu.content.membership !== membership)
    throw invalidParam(`The event is not a ${membership}.`);
  if (serverNameOf(pdu.sender) !== origin) throw invalidParam('The sender is not a user of your server.');
  if (pdu.state_key !== pdu.sender) throw invalidParam('The event is about another user than its sender.');
  return await withRoomPolicy(parts, { nid: room.nid, version: versionOf(room) }, event);
}

/** The join with our signature, where it names one of our users. */
async function authorised(parts: RoomParts, open: OpenRoom, join: VerifiedPdu): Promise<VerifiedPdu> {
  const authoriser = join.pdu.content.join_authorised_via_users_server;
  if (!open.version.restrictedJoins || authoriser === undefined) return join;
  if (!isUserId(authoriser) || serverNameOf(authoriser) !== parts.serverName) return join;
  const restricted = await judgeRestrictedJoin(parts, open, join.pdu.sender);
  if (!restricted.allowed) throw restrictedRefusal(restricted);
  if (!(await mayInvite(open, authoriser))) throw restrictedRefusal({ allowed: false, because: 'no inviter' });
  return cosignPdu(parts, open.version, join);
}

async function takeIn(parts: RoomParts, open: OpenRoom, event: VerifiedPdu): Promise<void> {
  const taken = await acceptEvent(parts, open, event, { passOn: true });
  if (taken.outcome === 'accepted') return;
  if (taken.outcome === 'known' && taken.admission === 'accepted') return;
  if (taken.outcome === 'missing') throw invalidParam('The event builds on others that this server does not have.');
  throw forbidden('reason' in taken && taken.reason !== undefined ? taken.reason : 'The room refuses the event.');
}
