/**
 * GET and POST /_parley/setup: how the first administrator takes a new server over. The token comes from the link that the
 * server prints when it starts without an administrator.
 */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import type { Accounts } from '../users/accounts.ts';
import { requireGoodPassword } from '../users/passwords.ts';
import type { Setup } from '../users/setup.ts';

const PATH = '/_parley/setup';

export function setupRoutes({ accounts, setup }: { accounts: Accounts; setup: Setup }): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: PATH,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      handle: async () => ({ open: await setup.isOpen() }),
    }),
    clientRoute({
      method: 'POST',
      path: PATH,
      auth: 'none',
      guests: true,
      rateLimit: 'registration',
      body: Type.Object({
        token: boundedString(255),
        username: boundedString(512),
        password: boundedString(2048),
        device_id: Type.Optional(Identifier),
        initial_device_display_name: Type.Optional(boundedString(255)),
        refresh_token: Type.Optional(Type.Boolean()),
      }),
      async handle({ body, ip }) {
        const userId = accounts.newUserId(body.username.toLowerCase());
        requireGoodPassword(body.password);
        return await setup.complete(
          body.token,
          { userId, password: body.password },
          {
            deviceId: body.device_id,
            displayName: body.initial_device_display_name,
            withRefreshToken: body.refresh_token === true,
            ip,
          },
        );
      },
    }),
  ];
}
