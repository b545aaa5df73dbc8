import { forbidden, invalidParam, MatrixError } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { hashAndSignEvent } from '../protocol/event-signing.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { acceptEvent } from './accept-event.ts';
import { admitAnswer } from './admit-pdu.ts';
import { versionOf } from './fetch-events.ts';
import { memberContent } from './membership.ts';
import type { OpenRoom } from './open-room.ts';
import { withRoomPolicy } from './policy-signatures.ts';
import type { RoomParts } from './room-parts.ts';
import { requireGraph, roomOfSender, type Sender } from './send.ts';
import { identifyingPdus } from './stripped-state.ts';

/** The answer to an invite by e-mail address or telephone number: these need an identity server, and Parley asks none. */
export function thirdPartyIdDenied(): MatrixError {
  return new MatrixError('M_THREEPID_DENIED', 'People are invited by their user id here.', 403);
}

export interface InviteRequest {
  readonly userId: string;
  readonly reason?: string;
  readonly isDirect?: boolean;
  /** Proof that the user is the one whom somebody has invited by another identifier, for the event's content. */
  readonly thirdPartyInvite?: JsonObject;
}

/**
 * Invites a user of this or another server (Client-Server API, `POST /rooms/{roomId}/invite`). One of another server is
 * invited once that server has signed the event too.
 *
 * @param signal ends the wait for another server
 * @throws MatrixError M_FORBIDDEN, M_INVALID_PARAM, and what the other server refused it with
 */
export async function inviteUser(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  request: InviteRequest,
  signal?: AbortSignal,
): Promise<void> {
  const invitee = request.userId;
  if (!isUserId(invitee)) throw invalidParam('user_id is not a user id.');
  const room = await roomOfSender(parts, roomId);
  const content = await memberContent(parts, invitee, 'invite', {
    ...(request.reason === undefined ? {} : { reason: request.reason }),
    ...(request.isDirect === true ? { is_direct: true } : {}),
    ...(request.thirdPartyInvite === undefined ? {} : { third_party_invite: request.thirdPartyInvite }),
  });
  const draft = { type: 'm.room.member', stateKey: invitee, sender: sender.userId, content, deviceId: sender.deviceId };
  if (serverNameOf(invitee) === parts.serverName) {
    await parts.writer.write(room.nid, async (open) => {
      requireGraph(open);
      await requireNotJoined(open, invitee);
      return { eventId: (await open.append(draft)).eventId };
    });
    return;
  }
  const invited = await signByInvitee(parts, room.nid, draft, invitee, signal);
  const signed = await withRoomPolicy(parts, { nid: room.nid, version: versionOf(room) }, invited);
  await parts.writer.writeAlone(room.nid, async (open) => {
    const outcome = await acceptEvent(parts, open, signed, { passOn: true });
    // The room may have changed while the other server was asked.
    if (outcome.outcome === 'rejected' || outcome.outcome === 'soft_failed')
      throw forbidden(outcome.reason ?? 'The invite is not allowed.');
  });
}

async function requireNotJoined(open: OpenRoom, invitee: UserId): Promise<void> {
  const current = await open.stateEvent('m.room.member', invitee);
  if (current?.pdu.content.membership === 'join') throw forbidden('This user is in the room already.');
}

/** The auth rules let the invite pass, and would let nobody in with it. */
async function requireFederated(open: OpenRoom): Promise<void> {
  const create = await open.stateEvent('m.room.create', '');
  if (create?.pdu.content['m.federate'] === false) throw forbidden('Nobody of other servers may enter this room.');
}

/**
 * Builds the invite on the head as it is now, without holding the room, and has the other server sign it. Events that come
 * in between make it a fork, which the room's state resolution settles.
 */
async function signByInvitee(
  parts: RoomParts,
  roomNid: number,
  draft: Parameters<OpenRoom['template']>[0],
  invitee: UserId,
  signal: AbortSignal | undefined,
) {
  const open = await parts.writer.peek(roomNid);
  requireGraph(open);
  await requireNotJoined(open, invitee);
  await requireFederated(open);
  const ours = hashAndSignEvent(await open.template(draft), open.version, parts.serverName, parts.signingKey);
  // Ask our own rules first: nobody else should hear of an invite that is not allowed.
  await open.check(ours);
  const answer = await parts.federation.invite(
    serverNameOf(invitee),
    {
      roomId: open.room.roomId,
      eventId: ours.eventId,
      event: ours.pdu,
      roomVersion: open.version.id,
      inviteRoomState: await identifyingPdus(parts, open, draft.sender),
    },
    { ignoreBackoff: true, signal },
  );
  return await admitAnswer(parts, open.version, answer.event, ours);
}
