/**
 * Leaving rooms and declining invites (Server-Server API, "Leaving Rooms (Rejecting Invites)").
 *
 * GET /_matrix/federation/v1/make_leave/{roomId}/{userId}
 * PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}
 */
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import type { RoomId } from '../protocol/event.ts';
import { takeLeave } from '../rooms/memberships-of-peers.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { leaveTemplate } from '../rooms/templates-for-peers.ts';

export function leaveRoutes(parts: RoomParts): FederationRoute[] {
  const shared = { auth: 'x_matrix', serverAcl: 'room', inRoom: 'none', rateLimit: 'federation' } as const;
  return [
    federationRoute({
      ...shared,
      method: 'GET',
      path: '/_matrix/federation/v1/make_leave/{roomId}/{userId}',
      async handle({ params, origin }) {
        const request = { roomId: params.roomId as RoomId, userId: params.userId ?? '' };
        const { roomVersion, event } = await leaveTemplate(parts, origin, request);
        return { room_version: roomVersion, event };
      },
    }),

    federationRoute({
      ...shared,
      method: 'PUT',
      path: '/_matrix/federation/v2/send_leave/{roomId}/{eventId}',
      body: AnyObject,
      async handle({ params, body, origin }) {
        await takeLeave(parts, origin, {
          roomId: params.roomId as RoomId,
          eventId: params.eventId ?? '',
          event: body,
        });
        return {};
      },
    }),
  ];
}
