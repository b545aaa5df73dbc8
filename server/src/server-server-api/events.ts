/**
 * Retrieving events (Server-Server API, "Retrieving events").
 *
 * GET /_matrix/federation/v1/event/{eventId}
 * GET /_matrix/federation/v1/state/{roomId}
 * GET /_matrix/federation/v1/state_ids/{roomId}
 * GET /_matrix/federation/v1/timestamp_to_event/{roomId}
 *
 * What does not exist, is of another room or is not for the asking server gets the same answer (A3.1).
 */
import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import { LONG_ANSWERS_AT_ONCE, sendJsonStream } from '../http/json-stream.ts';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { Identifier } from '../http/schemas.ts';
import { eventAtTimeForServer } from '../rooms/event-at-time.ts';
import { eventForServer, stateForServer } from '../rooms/history-for-server.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

const StateQuery = Type.Object({ event_id: Identifier });

const MomentQuery = Type.Object({ ts: Type.Integer(), dir: Type.Union([Type.Literal('f'), Type.Literal('b')]) });

const TIMEOUT_MS = 180_000;

export function eventRoutes(parts: RoomParts, clock: Clock): FederationRoute[] {
  const inRoom = {
    method: 'GET',
    auth: 'x_matrix',
    serverAcl: 'room',
    inRoom: 'joined',
    rateLimit: 'federation',
    timeoutMs: TIMEOUT_MS,
    query: StateQuery,
  } as const;
  return [
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/event/{eventId}',
      auth: 'x_matrix',
      // The room is not known before the event is: the accessor applies ACL and membership.
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      async handle({ params, origin }) {
        const pdus = await eventForServer(parts, origin, params.eventId ?? '');
        return { origin: parts.serverName, origin_server_ts: clock.now(), pdus };
      },
    }),

    federationRoute({
      ...inRoom,
      path: '/_matrix/federation/v1/state/{roomId}',
      atOnce: LONG_ANSWERS_AT_ONCE,
      async handle({ params, query, origin, reply }) {
        const request = { roomId: params.roomId ?? '', eventId: query.event_id, form: 'pdus' } as const;
        const { state, authChain } = await stateForServer(parts, origin, request);
        return await sendJsonStream(reply, {}, { pdus: state, auth_chain: authChain });
      },
    }),

    federationRoute({
      ...inRoom,
      path: '/_matrix/federation/v1/state_ids/{roomId}',
      atOnce: LONG_ANSWERS_AT_ONCE,
      async handle({ params, query, origin, reply }) {
        const request = { roomId: params.roomId ?? '', eventId: query.event_id, form: 'ids' } as const;
        const { state, authChain } = await stateForServer(parts, origin, request);
        return await sendJsonStream(reply, {}, { pdu_ids: state, auth_chain_ids: authChain });
      },
    }),

    federationRoute({
      ...inRoom,
      path: '/_matrix/federation/v1/timestamp_to_event/{roomId}',
      query: MomentQuery,
      async handle({ params, query, origin }) {
        return await eventAtTimeForServer(parts, origin, params.roomId ?? '', query);
      },
    }),
  ];
}
