/**
 * Spaces (Server-Server API, same section).
 *
 * GET /_matrix/federation/v1/hierarchy/{roomId}
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { spaceForServer } from '../rooms/space-for-server.ts';

const Query = Type.Object({ suggested_only: Type.Optional(Type.Boolean()) });

export function spaceRoutes(parts: RoomParts): FederationRoute[] {
  return [
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/hierarchy/{roomId}',
      auth: 'x_matrix',
      // Rooms that are shut to the server must look like rooms that do not exist: the accessor applies their ACLs.
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      query: Query,
      async handle({ params, query, origin }) {
        const suggestedOnly = query.suggested_only ?? false;
        return await spaceForServer(parts, origin, params.roomId ?? '', { suggestedOnly });
      },
    }),
  ];
}
