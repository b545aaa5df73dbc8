import type { CallOptions } from '../federation/signed-request.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { type RoomVersion, supportedRoomVersions } from '../protocol/room-versions.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import { acceptEvent } from './accept-event.ts';
import { admitAnswer, admitPdus, beginAdmission, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import { throughFirst } from './candidate-servers.ts';
import { signMembership } from './member-template.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';
import { storeStateEvents, type ToldState } from './store-state-events.ts';

/**
 * Joins a room through the first of the servers that lets us (Server-Server API, "Joining Rooms").
 *
 * @throws MatrixError what the last server refused it with
 */
export async function joinRemote(
  parts: RoomParts,
  sender: Sender,
  roomId: RoomId,
  servers: readonly ServerName[],
  content: JsonObject,
): Promise<void> {
  await throughFirst(servers, (server, options) => joinThrough(parts, sender, roomId, server, content, options));
}

async function joinThrough(
  parts: RoomParts,
  sender: Sender,
  roomId: RoomId,
  server: ServerName,
  content: JsonObject,
  options: CallOptions,
): Promise<void> {
  const request = { roomId, userId: sender.userId, versions: supportedRoomVersions };
  const made = await parts.federation.makeJoin(server, request, options);
  const { version, event: ours } = signMembership(parts, server, made, { userId: sender.userId, roomId, content });
  const answer = await parts.federation.sendJoin(server, { roomId, eventId: ours.eventId, event: ours.pdu }, options);
  if (answer.membersOmitted)
    throw new MatrixError('M_UNKNOWN', 'The other server left out members, which it was not asked to.', 502);
  const join = await admitAnswer(parts, version, answer.event ?? ours.pdu, ours);
  const admit = async (pdus: readonly unknown[]) => (await admitPdus(parts, version, pdus, roomId)).filter(isAdmitted);
  const state = await admit(answer.state.filter((pdu) => !isMember(pdu)));
  const authChain = await admit(answer.authChain);
  requireCreate(version, [...state, ...authChain]);
  const room = await parts.rooms.create(roomId, version.id);
  if (room.version !== version.id)
    throw new MatrixError('M_UNKNOWN', 'The other server named a version that the room does not have.', 502);
  // Most of a large room are its members: they are verified while those before them are stored.
  const arriving = await beginAdmission(parts, version, answer.state.filter(isMember), roomId);
  await parts.writer.writeLarge(room.nid, (open) => enterRoom(parts, open, join, { state, authChain, arriving }));
}

function isMember(pdu: unknown): boolean {
  return isJsonObject(pdu) && pdu.type === 'm.room.member';
}

/** The room's version is what its create event says, not what the other server told us (A1.19). */
function requireCreate(version: RoomVersion, events: readonly VerifiedPdu[]): void {
  const create = events.find(({ pdu }) => pdu.type === 'm.room.create' && pdu.state_key === '');
  if (create === undefined || (create.pdu.content.room_version ?? '1') !== version.id)
    throw new MatrixError('M_UNKNOWN', 'The other server sent a room without a fitting create event.', 502);
}

async function enterRoom(parts: RoomParts, open: OpenRoom, join: VerifiedPdu, told: ToldState): Promise<void> {
  // While nobody of ours was in the room we missed what happened: our old picture of it must not argue with the new one.
  if (!(await serverIsJoined(parts.db, open.room.nid, parts.serverName))) open.startAfresh();
  const stateBefore = await storeStateEvents(parts, open, told);
  const outcome = await acceptEvent(parts, open, join, { stateBefore, passOn: true, settled: true });
  if (outcome.outcome === 'accepted' || outcome.outcome === 'known') return;
  const reason = outcome.outcome === 'missing' ? 'parts of the room are missing' : outcome.reason;
  throw new MatrixError('M_FORBIDDEN', `The room cannot be joined: ${reason}.`, 403);
}
