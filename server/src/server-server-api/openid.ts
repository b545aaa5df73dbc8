/** GET /_matrix/federation/v1/openid/userinfo: Server-Server API, "OpenID". */
import Type from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import { unknownToken } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';

/** @param userOf whose OpenID token this is */
export function openIdRoutes(userOf: (token: string) => Promise<UserId | undefined>): FederationRoute[] {
  return [
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/openid/userinfo',
      // Asked by third parties that are no homeservers; the token is what authorises them.
      auth: 'none',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      query: Type.Object({ access_token: boundedString(255) }),
      async handle({ query }) {
        const sub = await userOf(query.access_token);
        if (sub === undefined) throw unknownToken('The token is not known or has expired.');
        return { sub };
      },
    }),
  ];
}
