/**
 * Retrieving event authorisation information (Server-Server API, same section).
 *
 * GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}
 */
import { LONG_ANSWERS_AT_ONCE, sendJsonStream } from '../http/json-stream.ts';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { authChainForServer } from '../rooms/history-for-server.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

export function eventAuthRoutes(parts: RoomParts): FederationRoute[] {
  return [
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/event_auth/{roomId}/{eventId}',
      auth: 'x_matrix',
      serverAcl: 'room',
      inRoom: 'joined',
      rateLimit: 'federation',
      atOnce: LONG_ANSWERS_AT_ONCE,
      async handle({ params, origin, reply }) {
        const authChain = await authChainForServer(parts, origin, params.roomId ?? '', params.eventId ?? '');
        return await sendJsonStream(reply, {}, { auth_chain: authChain });
      },
    }),
  ];
}
