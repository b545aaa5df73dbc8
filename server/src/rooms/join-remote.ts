import { FederationError } from '../federation/federation-error.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { EventId, RoomId, ServerName, UserId } from '../protocol/event.ts';
import { hashAndSignEvent } from '../protocol/event-signing.ts';
import { isEventId, isUserId } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { type RoomVersion, roomVersion, supportedRoomVersions } from '../protocol/room-versions.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import { acceptEvent } from './accept-event.ts';
import { admitAnswer, admitPdus, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';
import { storeStateEvents } from './store-state-events.ts';

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
  let refusal: MatrixError | undefined;
  for (const server of servers) {
    try {
      await joinThrough(parts, sender, roomId, server, content);
      return;
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      // A server that knows why we may not join says more than one that could not be reached.
      if (refusal === undefined || !(error instanceof FederationError) || error.reason === 'refused') refusal = error;
    }
  }
  throw refusal ?? new MatrixError('M_NOT_FOUND', 'No server is known that could let you into this room.', 404);
}

async function joinThrough(
  parts: RoomParts,
  sender: Sender,
  roomId: RoomId,
  server: ServerName,
  content: JsonObject,
): Promise<void> {
  const patient = { ignoreBackoff: true };
  const request = { roomId, userId: sender.userId, versions: supportedRoomVersions };
  const made = await parts.federation.makeJoin(server, request, patient);
  const version = roomVersion(made.roomVersion ?? '1');
  if (version === undefined || !supportedRoomVersions.includes(version.id))
    throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', 'This server does not know the version of that room.', 400);
  const ours = hashAndSignEvent(
    memberTemplate(parts, sender.userId, roomId, made.event, content),
    version,
    parts.serverName,
    parts.signingKey,
  );
  const answer = await parts.federation.sendJoin(server, { roomId, eventId: ours.eventId, event: ours.pdu }, patient);
  if (answer.membersOmitted)
    throw new MatrixError('M_UNKNOWN', 'The other server left out members, which it was not asked to.', 502);
  const join = await admitAnswer(parts, version, answer.event ?? ours.pdu, ours);
  const state = (await admitPdus(parts, version, answer.state, roomId)).filter(isAdmitted);
  const authChain = (await admitPdus(parts, version, answer.authChain, roomId)).filter(isAdmitted);
  requireCreate(version, [...state, ...authChain]);
  const room = await parts.rooms.create(roomId, version.id);
  if (room.version !== version.id)
    throw new MatrixError('M_UNKNOWN', 'The other server named a version that the room does not have.', 502);
  await parts.writer.writeAlone(room.nid, (open) => enterRoom(parts, open, join, state, authChain));
}

/**
 * The join, leave or knock that we sign. Of what the other server made, only the place in the graph is taken, and who
 * authorised a restricted join; all else is our own (A1.3).
 */
export function memberTemplate(
  parts: RoomParts,
  userId: UserId,
  roomId: RoomId,
  made: JsonObject,
  content: JsonObject,
) {
  const { prev_events: prev, auth_events: auth, depth } = made;
  const ids = (value: unknown, most: number): EventId[] =>
    Array.isArray(value) ? value.filter((id) => isEventId(id)).slice(0, most) : [];
  const authorisedBy = (made.content as JsonObject | undefined)?.join_authorised_via_users_server;
  return {
    type: 'm.room.member',
    room_id: roomId,
    sender: userId,
    state_key: userId,
    content: isUserId(authorisedBy) ? { ...content, join_authorised_via_users_server: authorisedBy } : content,
    depth: typeof depth === 'number' && Number.isSafeInteger(depth) && depth > 0 ? depth : 1,
    origin_server_ts: parts.clock.now(),
    prev_events: ids(prev, 20),
    auth_events: ids(auth, 10),
  };
}

/** The room's version is what its create event says, not what the other server told us (A1.19). */
function requireCreate(version: RoomVersion, events: readonly VerifiedPdu[]): void {
  const create = events.find(({ pdu }) => pdu.type === 'm.room.create' && pdu.state_key === '');
  if (create === undefined || (create.pdu.content.room_version ?? '1') !== version.id)
    throw new MatrixError('M_UNKNOWN', 'The other server sent a room without a fitting create event.', 502);
}

async function enterRoom(
  parts: RoomParts,
  open: OpenRoom,
  join: VerifiedPdu,
  state: readonly VerifiedPdu[],
  authChain: readonly VerifiedPdu[],
): Promise<void> {
  // While nobody of ours was in the room we missed what happened: our old picture of it must not argue with the new one.
  if (!(await serverIsJoined(parts.db, open.room.nid, parts.serverName))) open.startAfresh();
  const stateBefore = await storeStateEvents(parts, open, state, authChain);
  const outcome = await acceptEvent(parts, open, join, { stateBefore, passOn: true, settled: true });
  if (outcome.outcome === 'accepted' || outcome.outcome === 'known') return;
  const reason = outcome.outcome === 'missing' ? 'parts of the room are missing' : outcome.reason;
  throw new MatrixError('M_FORBIDDEN', `The room cannot be joined: ${reason}.`, 403);
}
