/**
 * Policy servers (Server-Server API, same section).
 *
 * POST /_matrix/policy/v1/sign
 *
 * This server is no policy server: it asks those of its rooms and signs for nobody.
 */
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import { unrecognized } from '../protocol/errors.ts';

export function policyRoutes(): FederationRoute[] {
  return [
    federationRoute({
      method: 'POST',
      path: '/_matrix/policy/v1/sign',
      auth: 'x_matrix',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      body: AnyObject,
      async handle(): Promise<never> {
        throw unrecognized('This server is not a policy server.');
      },
    }),
  ];
}
