/**
 * End-to-end encryption (Server-Server API, same section).
 *
 * POST /_matrix/federation/v1/user/keys/query
 * POST /_matrix/federation/v1/user/keys/claim
 *
 * Both answer for local users alone (A3.4): whoever is not one is left out, and so is whoever does not exist.
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { invalidParam } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';

const QueryBody = Type.Object({ device_keys: Type.Record(Type.String(), Type.Array(Identifier)) });
const ClaimBody = Type.Object({
  one_time_keys: Type.Record(Type.String(), Type.Record(Type.String(), boundedString(255))),
});

const MAX_USERS = 1_000;

export interface UserKeyServices {
  /** Device keys of local users, by user and device; no devices named means all of them. */
  queryKeys(wanted: Readonly<Record<string, readonly string[]>>): Promise<JsonObject>;
  /** One-time keys of devices of local users, by user, device and key id. Each is given out once. */
  claimKeys(wanted: Readonly<Record<string, Readonly<Record<string, string>>>>): Promise<JsonObject>;
}

export function userKeyRoutes(services: UserKeyServices): FederationRoute[] {
  const shared = {
    method: 'POST',
    auth: 'x_matrix',
    serverAcl: 'none',
    inRoom: 'none',
    rateLimit: 'federation',
  } as const;
  return [
    federationRoute({
      ...shared,
      path: '/_matrix/federation/v1/user/keys/query',
      body: QueryBody,
      async handle({ body }) {
        requireFewUsers(body.device_keys);
        return { device_keys: await services.queryKeys(body.device_keys) };
      },
    }),

    federationRoute({
      ...shared,
      path: '/_matrix/federation/v1/user/keys/claim',
      body: ClaimBody,
      async handle({ body }) {
        requireFewUsers(body.one_time_keys);
        return { one_time_keys: await services.claimKeys(body.one_time_keys) };
      },
    }),
  ];
}

function requireFewUsers(byUser: object): void {
  if (Object.keys(byUser).length > MAX_USERS) throw invalidParam(`One request may name at most ${MAX_USERS} users.`);
}
