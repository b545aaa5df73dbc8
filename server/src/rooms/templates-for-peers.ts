import { forbidden, MatrixError, notFound } from '../protocol/errors.ts';
import type { Pdu, RoomId, ServerName, UserId } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import type { OpenRoom } from './open-room.ts';
import { judgeRestrictedJoin, type RestrictedJoin } from './restricted-join.ts';
import type { RoomParts } from './room-parts.ts';

/** An event for another server to sign, and the version of its room. */
export interface EventTemplate {
  readonly roomVersion: string;
  readonly event: JsonObject;
}

/** A room that this server is in, so that others may enter and leave it through us. @throws MatrixError M_NOT_FOUND */
export async function residentRoom(parts: RoomParts, roomId: string): Promise<RoomRow> {
  const room = await parts.rooms.byId(roomId);
  if (room === undefined || !(await serverIsJoined(parts.db, room.nid, parts.serverName)))
    throw notFound('This server is not in the room.');
  return room;
}

/**
 * The join that a user of another server is to sign (Server-Server API, `GET /make_join/{roomId}/{userId}`).
 *
 * @param versions room versions that the other server supports
 * @throws MatrixError M_NOT_FOUND, M_INCOMPATIBLE_ROOM_VERSION, M_FORBIDDEN, M_UNABLE_TO_AUTHORISE_JOIN, M_UNABLE_TO_GRANT_JOIN
 */
export async function joinTemplate(
  parts: RoomParts,
  origin: ServerName,
  request: { readonly roomId: RoomId; readonly userId: string; readonly versions: readonly string[] },
): Promise<EventTemplate> {
  const userId = userOfOrigin(origin, request.userId);
  const room = await residentRoom(parts, request.roomId);
  requireKnownVersion(room, request.versions);
  const open = await parts.writer.peek(room.nid);
  const restricted = await judgeRestrictedJoin(parts, open, userId);
  if (!restricted.allowed) throw restrictedRefusal(restricted);
  const content: JsonObject = { membership: 'join' };
  if (restricted.authorisedBy !== undefined) content.join_authorised_via_users_server = restricted.authorisedBy;
  return await template(parts, open, userId, content);
}

/**
 * The knock that a user of another server is to sign (`GET /make_knock/{roomId}/{userId}`).
 *
 * @param versions room versions that the other server supports
 * @throws MatrixError M_NOT_FOUND, M_INCOMPATIBLE_ROOM_VERSION, M_FORBIDDEN
 */
export async function knockTemplate(
  parts: RoomParts,
  origin: ServerName,
  request: { readonly roomId: RoomId; readonly userId: string; readonly versions: readonly string[] },
): Promise<EventTemplate> {
  const userId = userOfOrigin(origin, request.userId);
  const room = await residentRoom(parts, request.roomId);
  requireKnownVersion(room, request.versions);
  return await template(parts, await parts.writer.peek(room.nid), userId, { membership: 'knock' });
}

/**
 * The leave that a user of another server is to sign, to leave, to decline an invite or to take back a knock (`GET /make_leave/{roomId}/{userId}`).
 *
 * @throws MatrixError M_NOT_FOUND, M_FORBIDDEN
 */
export async function leaveTemplate(
  parts: RoomParts,
  origin: ServerName,
  request: { readonly roomId: RoomId; readonly userId: string },
): Promise<EventTemplate> {
  const userId = userOfOrigin(origin, request.userId);
  const room = await residentRoom(parts, request.roomId);
  return await template(parts, await parts.writer.peek(room.nid), userId, { membership: 'leave' });
}

/** Why a join under restricted join rules is refused, as the joining server is told. */
export function restrictedRefusal({ because }: Extract<RestrictedJoin, { allowed: false }>): MatrixError {
  switch (because) {
    case 'no member':
      return forbidden('The user is in none of the rooms whose members may join.');
    case 'unknown rooms':
      return new MatrixError('M_UNABLE_TO_AUTHORISE_JOIN', 'This server does not know the rooms that matter.', 400);
    case 'no inviter':
      return new MatrixError('M_UNABLE_TO_GRANT_JOIN', 'Nobody of this server may invite. Ask another server.', 400);
  }
}

function requireKnownVersion(room: RoomRow, versions: readonly string[]): void {
  if (versions.includes(room.version)) return;
  const message = 'Your server does not support the version of this room.';
  throw new MatrixError('M_INCOMPATIBLE_ROOM_VERSION', message, 400, { room_version: room.version });
}

function userOfOrigin(origin: ServerName, userId: string): UserId {
  if (!isUserId(userId) || serverNameOf(userId) !== origin) throw forbidden('The user is not one of your server.');
  return userId;
}

async function template(parts: RoomParts, open: OpenRoom, userId: UserId, content: JsonObject): Promise<EventTemplate> {
  const event = await open.template({ type: 'm.room.member', stateKey: userId, sender: userId, content });
  const unsigned: Pdu = { ...event, hashes: { sha256: '' }, signatures: {} };
  // What we would refuse once it is signed is refused now.
  await open.check({ eventId: '$', roomId: open.room.roomId, pdu: unsigned });
  return { roomVersion: open.version.id, event: { ...event, origin: parts.serverName } };
}
