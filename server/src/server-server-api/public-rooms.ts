/**
 * Published room directory (Server-Server API, "Published Room Directory").
 *
 * GET /_matrix/federation/v1/publicRooms
 * POST /_matrix/federation/v1/publicRooms
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import { type PublicRoomsQuery, publicRooms } from '../rooms/directory.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

const Query = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 0 })),
  since: Type.Optional(boundedString(255)),
});
const Body = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 0 })),
  since: Type.Optional(boundedString(255)),
  filter: Type.Optional(
    Type.Object({
      generic_search_term: Type.Optional(boundedString(1000)),
      room_types: Type.Optional(Type.Array(Type.Union([boundedString(255), Type.Null()]))),
    }),
  ),
});

export function publicRoomsRoutes(parts: RoomParts): FederationRoute[] {
  const shared = {
    path: '/_matrix/federation/v1/publicRooms',
    auth: 'x_matrix',
    serverAcl: 'none',
    inRoom: 'none',
    rateLimit: 'federation',
  } as const;
  return [
    federationRoute({
      ...shared,
      method: 'GET',
      query: Query,
      handle: ({ query }) => publicRooms(parts, page(query)),
    }),

    federationRoute({
      ...shared,
      method: 'POST',
      body: Body,
      async handle({ body }) {
        const { generic_search_term: term, room_types: roomTypes } = body.filter ?? {};
        return await publicRooms(parts, {
          ...page(body),
          ...(term === undefined ? {} : { term }),
          ...(roomTypes === undefined ? {} : { roomTypes }),
        });
      },
    }),
  ];
}

/** A limit of 0 asks for all rooms: as many as one page holds. */
function page({ limit = 0, since }: { limit?: number; since?: string }): PublicRoomsQuery {
  return { ...(limit === 0 ? {} : { limit }), ...(since === undefined ? {} : { since }) };
}
