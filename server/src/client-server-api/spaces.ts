import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import type { RemoteSpaces } from '../rooms/remote-spaces.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { spaceHierarchy } from '../rooms/space-hierarchy.ts';

/** Walking through spaces. */
export function spaceRoutes(parts: RoomParts, remote: RemoteSpaces): ClientRoute[] {
  return [
    // GET /_matrix/client/v1/rooms/{roomId}/hierarchy — "Discovering rooms within spaces"
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v1/rooms/{roomId}/hierarchy',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      query: Type.Object({
        suggested_only: Type.Optional(Type.Boolean()),
        limit: Type.Optional(Type.Integer({ minimum: 1 })),
        max_depth: Type.Optional(Type.Integer({ minimum: 0 })),
        from: Type.Optional(boundedString(32)),
      }),
      async handle({ params, query, requester }) {
        return await spaceHierarchy(parts, remote, requester.userId, params.roomId ?? '', {
          suggestedOnly: query.suggested_only ?? false,
          limit: query.limit,
          maxDepth: query.max_depth,
          from: query.from,
        });
      },
    }),
  ];
}
