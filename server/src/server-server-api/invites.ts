/**
 * Inviting to a room (Server-Server API, "Inviting to a room").
 *
 * PUT /_matrix/federation/v1/invite/{roomId}/{eventId}
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

const OldBody = Type.Object({
  unsigned: Type.Optional(Type.Object({ invite_room_state: Type.Optional(Type.Array(Type.Unknown())) })),
});

export function inviteRoutes(parts: RoomParts): FederationRoute[] {
  const shared = {
    method: 'PUT',
    auth: 'x_matrix',
    serverAcl: 'room',
    inRoom: 'none',
    rateLimit: 'federation',
  } as const;
  return [
    federationRoute({
      ...shared,
      path: '/_matrix/federation/v1/invite/{roomId}/{eventId}',
      body: OldBody,
      async handle({ params, body, origin }) {
        const roomId = params.roomId as RoomId;
        const event = await receiveInvite(parts, origin, {
          roomId,
          eventId: params.eventId ?? '',
          roomVersion: await oldVersion(parts, roomId),
          event: body,
          inviteRoomState: body.unsigned?.invite_room_state ?? [],
        });
        return [200, { event }];
      },
    }),

    federationRoute({
      ...shared,
      path: '/_matrix/federation/v2/invite/{roomId}/{eventId}',
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

/** Version 1 of the call does not say which of the two it is; their events are alike, and a join will tell. */
async function oldVersion(parts: RoomParts, roomId: RoomId): Promise<'1' | '2'> {
  return (await parts.rooms.byId(roomId))?.version === '2' ? '2' : '1';
}
