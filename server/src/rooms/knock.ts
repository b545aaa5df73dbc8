import { forbidden, notFound } from '../protocol/errors.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { supportedRoomVersions } from '../protocol/room-versions.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import { candidateServers, throughFirst } from './candidate-servers.ts';
import { type JoinRequest, resolveRoom } from './join.ts';
import { signMembership } from './member-template.ts';
import { memberContent } from './membership.ts';
import { storeOutlierMembership } from './outlier-membership.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';
import { readIdentifyingState } from './stripped-state.ts';

/**
 * Asks to be let into a room, by its id or alias (Client-Server API, `POST /knock/{roomIdOrAlias}`), through other servers where
 * this one is not in it. Knocking twice is no error.
 *
 * @throws MatrixError M_FORBIDDEN, M_NOT_FOUND, and what the other servers refused it with
 */
export async function knockOnRoom(
  parts: RoomParts,
  sender: Sender,
  roomIdOrAlias: string,
  request: JoinRequest,
): Promise<RoomId> {
  const { roomId, servers: ofAlias } = await resolveRoom(parts, roomIdOrAlias);
  const room = await parts.rooms.byId(roomId);
  const extra: JsonObject = request.reason === undefined ? {} : { reason: request.reason };
  const content = await memberContent(parts, sender.userId, 'knock', extra);
  if (room !== undefined && (await serverIsJoined(parts.db, room.nid, parts.serverName))) {
    await parts.writer.write(room.nid, async (open) => {
      const current = await open.stateEvent('m.room.member', sender.userId);
      if (current?.pdu.content.membership === 'knock') return { eventId: current.eventId };
      const draft = { type: 'm.room.member', stateKey: sender.userId, sender: sender.userId, content };
      return { eventId: (await open.append({ ...draft, deviceId: sender.deviceId })).eventId };
    });
    return roomId;
  }
  const servers = await candidateServers(parts, sender, { roomId, room }, [...(request.via ?? []), ...ofAlias]);
  if (servers.length === 0) {
    if (room === undefined) throw notFound('No server is known that is in this room.');
    throw forbidden('You are not allowed to knock on this room.');
  }
  await knockRemote(parts, sender, roomId, servers, content);
  return roomId;
}

/** Knocks through the first of the servers that takes it (Server-Server API, "Knocking upon a room"). */
async function knockRemote(
  parts: RoomParts,
  { userId }: Sender,
  roomId: RoomId,
  servers: readonly ServerName[],
  content: JsonObject,
): Promise<void> {
  const own = { userId, roomId, content };
  const taken = await throughFirst(servers, async (server, options) => {
    const made = await parts.federation.makeKnock(server, { ...own, versions: supportedRoomVersions }, options);
    const { version, event } = signMembership(parts, server, made, own);
    const sent = { roomId, eventId: event.eventId, event: event.pdu };
    const { knockRoomState } = await parts.federation.sendKnock(server, sent, options);
    return { server, version, event, knockRoomState };
  });
  const { server: via, version, event } = taken;
  const room = await parts.rooms.create(roomId, version.id);
  // It has been taken, whatever they say of the room: what is not sound of that is not shown.
  const { state } = await readIdentifyingState(parts, version, roomId, taken.knockRoomState);
  await storeOutlierMembership(parts, room, event, { local: true, strippedState: JSON.stringify(state), via });
}
