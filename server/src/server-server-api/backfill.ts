/**
 * Backfilling and retrieving missing events (Server-Server API, same section).
 *
 * GET /_matrix/federation/v1/backfill/{roomId}
 * POST /_matrix/federation/v1/get_missing_events/{roomId}
 */
import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { Identifier } from '../http/schemas.ts';
import { backfillForServer, missingEventsForServer } from '../rooms/history-for-server.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

const BackfillQuery = Type.Object({ v: Type.Array(Identifier), limit: Type.Integer() });
const MissingEventsBody = Type.Object({
  earliest_events: Type.Array(Identifier),
  latest_events: Type.Array(Identifier),
  limit: Type.Optional(Type.Integer()),
  min_depth: Type.Optional(Type.Integer()),
});

export function backfillRoutes(parts: RoomParts, clock: Clock): FederationRoute[] {
  const shared = { auth: 'x_matrix', serverAcl: 'room', inRoom: 'joined', rateLimit: 'federation' } as const;
  return [
    federationRoute({
      ...shared,
      method: 'GET',
      path: '/_matrix/federation/v1/backfill/{roomId}',
      query: BackfillQuery,
      async handle({ params, query, origin }) {
        const request = { from: query.v, limit: query.limit };
        const pdus = await backfillForServer(parts, origin, params.roomId ?? '', request);
        return { origin: parts.serverName, origin_server_ts: clock.now(), pdus };
      },
    }),

    federationRoute({
      ...shared,
      method: 'POST',
      path: '/_matrix/federation/v1/get_missing_events/{roomId}',
      body: MissingEventsBody,
      async handle({ params, body, origin }) {
        const events = await missingEventsForServer(parts, origin, params.roomId ?? '', {
          earliest: body.earliest_events,
          latest: body.latest_events,
          limit: body.limit,
          minDepth: body.min_depth,
        });
        return { events };
      },
    }),
  ];
}
