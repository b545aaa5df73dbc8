/**
 * Knocking upon a room (Server-Server API, "Knocking upon a room").
 *
 * GET /_matrix/federation/v1/make_knock/{roomId}/{userId}
 * PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject, boundedString } from '../http/schemas.ts';
import type { RoomId } from '../protocol/event.ts';
import { takeKnock } from '../rooms/memberships-of-peers.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { knockTemplate } from '../rooms/templates-for-peers.ts';

const MakeKnockQuery = Type.Object({ ver: Type.Array(boundedString(32)) });

export function knockRoutes(parts: RoomParts): FederationRoute[] {
  const shared = { auth: 'x_matrix', serverAcl: 'room', inRoom: 'none', rateLimit: 'federation' } as const;
  return [
    federationRoute({
      ...shared,
      method: 'GET',
      path: '/_matrix/federation/v1/make_knock/{roomId}/{userId}',
      query: MakeKnockQuery,
      async handle({ params, query, origin }) {
        const request = { roomId: params.roomId as RoomId, userId: params.userId ?? '', versions: query.ver };
        const { roomVersion, event } = await knockTemplate(parts, origin, request);
        return { room_version: roomVersion, event };
      },
    }),

    federationRoute({
      ...shared,
      method: 'PUT',
      path: '/_matrix/federation/v1/send_knock/{roomId}/{eventId}',
      body: AnyObject,
      async handle({ params, body, origin }) {
        const request = { roomId: params.roomId as RoomId, eventId: params.eventId ?? '', event: body };
        return { knock_room_state: await takeKnock(parts, origin, request) };
      },
    }),
  ];
}
