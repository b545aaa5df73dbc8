/** GET /_matrix/client/v3/account/whoami: Client-Server API, "Current account information". */
import { type ClientRoute, clientRoute } from '../http/route.ts';

export function whoamiRoutes(): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/account/whoami',
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      handle: async ({ requester }) => ({
        user_id: requester.userId,
        device_id: requester.deviceId,
        is_guest: requester.isGuest,
      }),
    }),
  ];
}
