/** POST /_matrix/client/v3/logout, /_matrix/client/v3/logout/all: Client-Server API, "Login" (legacy API). */
import { type ClientRoute, clientRoute } from '../http/route.ts';
import type { Sessions } from '../users/sessions.ts';

export function logoutRoutes(sessions: Sessions): ClientRoute[] {
  return [
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/logout',
      auth: 'access_token',
      guests: true,
      whenLocked: true,
      rateLimit: 'read',
      async handle({ requester }) {
        await sessions.logout(requester.userId, requester.deviceId);
        return {};
      },
    }),
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/logout/all',
      auth: 'access_token',
      guests: true,
      whenLocked: true,
      rateLimit: 'read',
      async handle({ requester }) {
        await sessions.logoutAll(requester.userId);
        return {};
      },
    }),
  ];
}
