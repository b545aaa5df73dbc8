/** GET /_matrix/client/v3/keys/changes: Client-Server API, "End-to-End Encryption". */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { MAX_TOKEN_LENGTH } from '../rooms/timeline-token.ts';
import { deviceListChangesBetween } from '../sync/device-list-changes.ts';
import { parseSyncToken } from '../sync/sync-token.ts';

const Token = boundedString(MAX_TOKEN_LENGTH);

export function keyRoutes(parts: RoomParts): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/keys/changes',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      query: Type.Object({ from: Token, to: Token }),
      async handle({ query, requester }) {
        const from = parseSyncToken(query.from);
        const to = parseSyncToken(query.to);
        return await deviceListChangesBetween(parts, requester.userId, from.position, to.position);
      },
    }),
  ];
}
