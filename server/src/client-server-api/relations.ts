import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import { readRelations } from '../rooms/relations.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { MAX_TOKEN_LENGTH, parseTimelineToken } from '../rooms/timeline-token.ts';

const PATH = '/_matrix/client/v1/rooms/{roomId}/relations/{eventId}';

const Query = Type.Object({
  from: Type.Optional(boundedString(MAX_TOKEN_LENGTH)),
  to: Type.Optional(boundedString(MAX_TOKEN_LENGTH)),
  limit: Type.Optional(Type.Integer({ minimum: 0 })),
  dir: Type.Optional(Type.Union([Type.Literal('b'), Type.Literal('f')])),
  recurse: Type.Optional(Type.Boolean()),
});

export function relationRoutes(parts: RoomParts): ClientRoute[] {
  // GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}[/{relType}[/{eventType}]] — "Relationships API"
  return [PATH, `${PATH}/{relType}`, `${PATH}/{relType}/{eventType}`].map((path) =>
    clientRoute({
      method: 'GET',
      path,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      query: Query,
      handle: async ({ params, query, requester }) =>
        await readRelations(parts, requester, {
          roomId: params.roomId ?? '',
          eventId: params.eventId ?? '',
          relationType: params.relType,
          eventType: params.eventType,
          from: query.from === undefined ? undefined : parseTimelineToken(query.from),
          direction: query.dir ?? 'b',
          limit: Math.max(1, Math.min(query.limit ?? 50, 100)),
        }),
    }),
  );
}
