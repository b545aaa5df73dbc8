/** POST /_matrix/client/v3/user/{userId}/openid/request_token: Client-Server API, "OpenID". */
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import { forbidden } from '../protocol/errors.ts';
import type { ServerName, UserId } from '../protocol/event.ts';

export function openIdRoutes(services: {
  serverName: ServerName;
  newOpenIdToken(userId: UserId): Promise<{ token: string; expiresIn: number }>;
}): ClientRoute[] {
  return [
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/user/{userId}/openid/request_token',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: AnyObject,
      bodyOptional: true,
      async handle({ params, requester }) {
        if (params.userId !== requester.userId) throw forbidden('Nobody may prove the identity of somebody else.');
        const { token, expiresIn } = await services.newOpenIdToken(requester.userId);
        return {
          access_token: token,
          token_type: 'Bearer',
          matrix_server_name: services.serverName,
          expires_in: expiresIn,
        };
      },
    }),
  ];
}
