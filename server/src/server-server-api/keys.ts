/**
 * Retrieving server keys (Server-Server API, "Retrieving server keys").
 *
 * GET /_matrix/key/v2/server
 * GET /_matrix/key/v2/query/{serverName}
 * POST /_matrix/key/v2/query
 */
import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import type { Notary } from '../federation/notary.ts';
import type { OwnKeys } from '../federation/own-keys.ts';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';

const Query = Type.Object({ minimum_valid_until_ts: Type.Optional(Type.Integer({ minimum: 0 })) });
const QueryBody = Type.Object({ server_keys: AnyObject });

/** The latest moment that the criteria of a server name; now where they name none. */
function wantedUntil(criteria: unknown, now: number): number {
  if (!isJsonObject(criteria)) return now;
  const moments = Object.values(criteria).map((key) => (isJsonObject(key) ? key.minimum_valid_until_ts : undefined));
  const named = moments.filter((moment): moment is number => Number.isSafeInteger(moment));
  return named.length === 0 ? now : Math.max(...named);
}

export function keyRoutes(services: { ownKeys: OwnKeys; notary: Notary; clock: Clock }): FederationRoute[] {
  const { ownKeys, notary, clock } = services;
  const open = { auth: 'none', serverAcl: 'none', inRoom: 'none', rateLimit: 'federation' } as const;
  return [
    federationRoute({
      ...open,
      method: 'GET',
      path: '/_matrix/key/v2/server',
      handle: () => ownKeys.published(),
    }),

    federationRoute({
      ...open,
      method: 'GET',
      path: '/_matrix/key/v2/query/{serverName}',
      query: Query,
      async handle({ params, query }) {
        const until = query.minimum_valid_until_ts ?? clock.now();
        return { server_keys: await notary.query(new Map([[params.serverName ?? '', until]])) };
      },
    }),

    federationRoute({
      ...open,
      method: 'POST',
      path: '/_matrix/key/v2/query',
      body: QueryBody,
      async handle({ body }) {
        const now = clock.now();
        const servers = Object.entries(body.server_keys as JsonObject);
        const wanted = new Map(servers.map(([serverName, criteria]) => [serverName, wantedUntil(criteria, now)]));
        return { server_keys: await notary.query(wanted) };
      },
    }),
  ];
}
