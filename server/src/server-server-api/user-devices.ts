/**
 * Device management (Server-Server API, same section).
 *
 * GET /_matrix/federation/v1/user/devices/{userId}
 */
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { notFound } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';

/** @param devicesOf devices with identity keys of a local user and where their list stands; undefined for anybody else (A3.4) */
export function userDeviceRoutes(devicesOf: (userId: string) => Promise<JsonObject | undefined>): FederationRoute[] {
  return [
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/user/devices/{userId}',
      auth: 'x_matrix',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      async handle({ params }) {
        const devices = await devicesOf(params.userId ?? '');
        if (devices === undefined) throw notFound('There is no such user.');
        return devices;
      },
    }),
  ];
}
