import { forbidden, invalidParam, notFound } from '../protocol/errors.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import { isRoomAlias, isRoomId, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import { candidateServers } from './candidate-servers.ts';
import { localAliasTarget } from './directory.ts';
import { joinRemote } from './join-remote.ts';
import { memberContent } from './membership.ts';
import type { OpenRoom } from './open-room.ts';
import { judgeRestrictedJoin } from './restricted-join.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';

export interface JoinRequest {
  /** Servers to join through when this one is not in the room (`via`). */
  readonly via?: readonly ServerName[];
  readonly reason?: string;
}

/** Where an alias leads. @throws MatrixError M_NOT_FOUND, M_INVALID_PARAM */
export async function resolveAlias(
  parts: RoomParts,
  alias: string,
): Promise<{ roomId: RoomId; servers: readonly ServerName[] }> {
  if (!isRoomAlias(alias)) throw invalidParam('The room alias is not well-formed.');
  const server = serverNameOf(alias);
  if (server !== parts.serverName)
    return await parts.federation.queryDirectory(server, { roomAlias: alias }, { ignoreBackoff: true });
  const target = await localAliasTarget(parts, alias);
  if (target === undefined) throw notFound(`There is no room with the alias ${alias}.`);
  return target;
}

/** The room that a client names by its id or an alias. @throws MatrixError M_NOT_FOUND, M_INVALID_PARAM */
export async function resolveRoom(
  parts: RoomParts,
  roomIdOrAlias: string,
): Promise<{ roomId: RoomId; servers: readonly ServerName[] }> {
  return isRoomId(roomIdOrAlias) ? { roomId: roomIdOrAlias, servers: [] } : await resolveAlias(parts, roomIdOrAlias);
}

/**
 * Joins a room by id or alias (Client-Server API, `POST /join/{roomIdOrAlias}`, `POST /rooms/{roomId}/join`), through other
 * servers where this one is not in it. Joining twice is no error.
 *
 * @throws MatrixError M_FORBIDDEN, M_NOT_FOUND, and what the other servers refused it with
 */
export async function joinRoom(
  parts: RoomParts,
  sender: Sender,
  roomIdOrAlias: string,
  request: JoinRequest,
): Promise<RoomId> {
  const target = await resolveRoom(parts, roomIdOrAlias);
  const room = await parts.rooms.byId(target.roomId);
  const extra: JsonObject = request.reason === undefined ? {} : { reason: request.reason };
  const content = await memberContent(parts, sender.userId, 'join', extra);
  if (room !== undefined && (await serverIsJoined(parts.db, room.nid, parts.serverName))) {
    const made = await parts.writer.write(room.nid, (open) => joinLocally(parts, open, sender, content));
    if (made !== 'elsewhere') return target.roomId;
  }
  const named = [...(request.via ?? []), ...target.servers];
  const servers = await candidateServers(parts, sender, { roomId: target.roomId, room }, named);
  if (servers.length === 0) {
    if (room === undefined) throw notFound('No server is known that could let you into this room.');
    throw forbidden('You are not allowed to join this room.');
  }
  await joinRemote(parts, sender, target.roomId, servers, content);
  return target.roomId;
}

async function joinLocally(
  parts: RoomParts,
  open: OpenRoom,
  sender: Sender,
  content: JsonObject,
): Promise<{ eventId: string } | 'elsewhere'> {
  const current = await open.stateEvent('m.room.member', sender.userId);
  const membership = current?.pdu.content.membership;
  if (current !== undefined && membership === 'join') return { eventId: current.eventId };
  const restricted = await judgeRestrictedJoin(parts, open, sender.userId);
  if (!restricted.allowed) {
    if (restricted.because !== 'no member') return 'elsewhere';
    throw forbidden('You are in none of the rooms whose members may join.');
  }
  const { authorisedBy } = restricted;
  const joining = authorisedBy === undefined ? content : { ...content, join_authorised_via_users_server: authorisedBy };
  const draft = { type: 'm.room.member', stateKey: sender.userId, sender: sender.userId, content: joining };
  return { eventId: (await open.append({ ...draft, deviceId: sender.deviceId })).eventId };
}
