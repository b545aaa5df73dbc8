/**
 * Server implementation (Server-Server API, "Server implementation").
 *
 * GET /_matrix/federation/v1/version
 */
import { type FederationRoute, federationRoute } from '../http/route.ts';

/** @param version of Parley */
export function versionRoutes(version: string): FederationRoute[] {
  return [
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/version',
      auth: 'none',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      handle: async () => ({ server: { name: 'Parley', version } }),
    }),
  ];
}
