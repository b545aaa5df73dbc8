/**
 * Joining rooms (Server-Server API, "Joining Rooms").
 *
 * GET /_matrix/federation/v1/make_join/{roomId}/{userId}
 * PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}
 */
import { Type } from 'typebox';
import { LONG_ANSWERS_AT_ONCE, sendJsonStream } from '../http/json-stream.ts';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject, boundedString } from '../http/schemas.ts';
import type { RoomId } from '../protocol/event.ts';
import { stateForJoin } from '../rooms/history-for-server.ts';
import { takeJoin } from '../rooms/memberships-of-peers.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { joinTemplate } from '../rooms/templates-for-peers.ts';

const MakeJoinQuery = Type.Object({ ver: Type.Optional(Type.Array(boundedString(32))) });

const SendJoinQuery = Type.Object({ omit_members: Type.Optional(Type.Boolean()) });

const TIMEOUT_MS = 180_000;

export function joinRoutes(parts: RoomParts): FederationRoute[] {
  const shared = { auth: 'x_matrix', serverAcl: 'room', inRoom: 'none', rateLimit: 'federation' } as const;
  return [
    federationRoute({
      ...shared,
      method: 'GET',
      path: '/_matrix/federation/v1/make_join/{roomId}/{userId}',
      query: MakeJoinQuery,
      async handle({ params, query, origin }) {
        const request = { roomId: params.roomId as RoomId, userId: params.userId ?? '', versions: query.ver ?? ['1'] };
        const { roomVersion, event } = await joinTemplate(parts, origin, request);
        return { room_version: roomVersion, event };
      },
    }),

    federationRoute({
      ...shared,
      method: 'PUT',
      path: '/_matrix/federation/v2/send_join/{roomId}/{eventId}',
      timeoutMs: TIMEOUT_MS,
      body: AnyObject,
      query: SendJoinQuery,
      atOnce: LONG_ANSWERS_AT_ONCE,
      async handle({ params, body, query, origin, reply }) {
        const omitMembers = query.omit_members ?? false;
        const request = { roomId: params.roomId as RoomId, eventId: params.eventId ?? '', event: body };
        const { room, eventId, servers } = await takeJoin(parts, origin, request);
        const { state, authChain, join } = await stateForJoin(parts, room, eventId, omitMembers);
        const fields = { event: join.pdu, members_omitted: omitMembers, servers_in_room: servers };
        return await sendJsonStream(reply, fields, { state, auth_chain: authChain });
      },
    }),
  ];
}
