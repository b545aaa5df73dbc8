/**
 * GET /_matrix/client/v3/devices; GET, PUT, DELETE /_matrix/client/v3/devices/{deviceId};
 * POST /_matrix/client/v3/delete_devices: Client-Server API, "Device Management".
 */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { AuthData, type UserInteractiveAuth } from '../http/uia.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Device } from '../users/devices.ts';
import type { Requester } from '../users/requester.ts';

/** `users/devices.ts`, bound to the database. */
export interface Devices {
  list(userId: UserId): Promise<Device[]>;
  get(userId: UserId, deviceId: string): Promise<Device>;
  rename(userId: UserId, deviceId: string, name: string): Promise<void>;
  delete(userId: UserId, deviceIds: readonly string[]): Promise<void>;
}

const MOST_DEVICES_AT_ONCE = 1000;

export function deviceManagementRoutes({
  devices,
  uia,
}: {
  devices: Devices;
  uia: UserInteractiveAuth;
}): ClientRoute[] {
  async function authorise(name: string, requester: Requester, body: object, ip: string) {
    return await uia.authorise({
      name,
      requester: requester.userId,
      body: body as JsonObject,
      bodyMayChange: false,
      flows: [['m.login.password']],
      ip,
    });
  }
  const path = '/_matrix/client/v3/devices/{deviceId}';
  return [
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/devices',
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      handle: async ({ requester }) => ({ devices: await devices.list(requester.userId) }),
    }),
    clientRoute({
      method: 'GET',
      path,
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      handle: async ({ params, requester }) => await devices.get(requester.userId, params.deviceId ?? ''),
    }),
    clientRoute({
      method: 'PUT',
      path,
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      body: Type.Object({ display_name: Type.Optional(boundedString(255)) }),
      async handle({ params, body, requester }) {
        const { deviceId = '' } = params;
        if (body.display_name === undefined) await devices.get(requester.userId, deviceId);
        else await devices.rename(requester.userId, deviceId, body.display_name);
        return {};
      },
    }),
    clientRoute({
      method: 'DELETE',
      path,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({ auth: Type.Optional(AuthData) }),
      bodyOptional: true,
      async handle({ params, body, requester, ip }) {
        const { deviceId = '' } = params;
        const proof = await authorise(`DELETE /devices/${deviceId}`, requester, body, ip);
        await devices.delete(requester.userId, [deviceId]);
        await proof.close();
        return {};
      },
    }),
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/delete_devices',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({
        devices: Type.Array(Identifier, { maxItems: MOST_DEVICES_AT_ONCE }),
        auth: Type.Optional(AuthData),
      }),
      async handle({ body, requester, ip }) {
        const proof = await authorise('POST /delete_devices', requester, body, ip);
        await devices.delete(requester.userId, body.devices);
        await proof.close();
        return {};
      },
    }),
  ];
}
