/**
 * Knocking upon a room (Server-Server API, "Knocking upon a room"): refused, as no room here takes knocks.
 *
 * GET /_matrix/federation/v1/make_knock/{roomId}/{userId}
 * PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}
 */
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import { forbidden } from '../protocol/errors.ts';

export function knockRoutes(): FederationRoute[] {
  const shared = {
    auth: 'x_matrix',
    serverAcl: 'room',
    inRoom: 'none',
    rateLimit: 'federation',
    async handle(): Promise<never> {
      throw forbidden('You are not permitted to knock on this room.');
    },
  } as const;
  return [
    federationRoute({ ...shared, method: 'GET', path: '/_matrix/federation/v1/make_knock/{roomId}/{userId}' }),
    federationRoute({
      ...shared,
      method: 'PUT',
      path: '/_matrix/federation/v1/send_knock/{roomId}/{eventId}',
      body: AnyObject,
    }),
  ];
}
