/** POST /_matrix/client/v3/refresh: Client-Server API, "Refreshing access tokens". */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import type { Sessions } from '../users/sessions.ts';

export function refreshRoutes(sessions: Sessions): ClientRoute[] {
  return [
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/refresh',
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      body: Type.Object({ refresh_token: boundedString(1024) }),
      handle: async ({ body }) => await sessions.refresh(body.refresh_token),
    }),
  ];
}
