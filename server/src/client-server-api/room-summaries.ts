import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { Identifier } from '../http/schemas.ts';
import type { RemoteSpaces } from '../rooms/remote-spaces.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { roomSummary } from '../rooms/room-summary.ts';

export function roomSummaryRoutes(parts: RoomParts, remote: RemoteSpaces): ClientRoute[] {
  return [
    // GET /_matrix/client/v1/room_summary/{roomIdOrAlias} — "Room Summaries"
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v1/room_summary/{roomIdOrAlias}',
      auth: 'optional',
      guests: true,
      rateLimit: 'read',
      query: Type.Object({ via: Type.Optional(Type.Array(Identifier)) }),
      handle: async ({ params, query, requester }) =>
        await roomSummary(parts, remote, requester?.userId, params.roomIdOrAlias ?? '', query.via ?? []),
    }),
  ];
}
