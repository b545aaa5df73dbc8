/**
 * Inviting to a room (Server-Server API, "Inviting to a room").
 *
 * PUT /_matrix/federation/v2/invite/{roomId}/{eventId}
 *
 * Version 1 of the call is for rooms of versions 1 and 2 only.
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject, boundedString } from '../http/schemas.ts';
import { invalidParam } from '../protocol/errors.ts';
import type { RoomId } from '../protocol/event.ts';
import { receiveInvite } from '../rooms/receive-invite.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

const Body = Type.Object({
  room_version: boundedString(255),
  event: AnyObject,
  invite_room_state: Type.Optional(Type.Array(Type.Unknown())),
});

export function inviteRoutes(parts: RoomParts): FederationRoute[] {
  return [
    federationRoute({
      method: 'PUT',
      path: '/_matrix/federation/v2/invite/{roomId}/{eventId}',
      auth: 'x_matrix',
      serverAcl: 'room',
      inRoom: 'none',
      rateLimit: 'federation',
      body: Body,
      async handle({ params, body, origin }) {
        if (body.event.room_id !== undefined && body.event.room_id !== params.roomId)
          throw invalidParam('The room id of the event is not the one of the path.');
        const event = await receiveInvite(parts, origin, {
          roomId: params.roomId as RoomId,
          eventId: params.eventId ?? '',
          roomVersion: body.room_version,
          event: body.event,
          inviteRoomState: body.invite_room_state ?? [],
        });
        return { event };
      },
    }),
  ];
}
