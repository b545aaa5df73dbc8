/** GET and POST /_matrix/client/v3/login: Client-Server API, "Login" (legacy API). */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { userName } from '../http/uia.ts';
import { forbidden, MatrixError, missingParam } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Accounts } from '../users/accounts.ts';
import type { Sessions } from '../users/sessions.ts';

const LoginBody = Type.Object({
  type: boundedString(255),
  identifier: Type.Optional(Type.Object({ type: boundedString(255), user: Type.Optional(Identifier) })),
  user: Type.Optional(Identifier),
  password: Type.Optional(boundedString(2048)),
  device_id: Type.Optional(Identifier),
  initial_device_display_name: Type.Optional(boundedString(255)),
  refresh_token: Type.Optional(Type.Boolean()),
});

export function loginRoutes(services: {
  accounts: Accounts;
  sessions: Sessions;
  /** Base URL of the client API, sent along where it is known. */
  clientBaseUrl: string | undefined;
}): ClientRoute[] {
  const { accounts, sessions, clientBaseUrl } = services;
  const wellKnown = clientBaseUrl === undefined ? {} : { well_known: { 'm.homeserver': { base_url: clientBaseUrl } } };
  return [
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/login',
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      handle: async () => ({ flows: [{ type: 'm.login.password' }] }),
    }),
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/login',
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      body: LoginBody,
      async handle({ body, ip }) {
        if (body.type !== 'm.login.password') throw new MatrixError('M_UNKNOWN', 'The login type is not offered.', 400);
        const { password } = body;
        if (password === undefined) throw missingParam('The request body must have the key `password`.');
        if (body.identifier === undefined && body.user === undefined)
          throw missingParam('The request body must have the key `identifier`.');
        const name = userName(body as JsonObject);
        // Accounts have no third-party identifiers here, so that none can be known.
        const proof = name === undefined ? undefined : await accounts.checkPassword(name, password, ip);
        if (proof?.ok !== true) throw forbidden('The username or the password is wrong.');
        const session = await sessions.issue({
          userId: proof.userId,
          deviceId: body.device_id,
          displayName: body.initial_device_display_name,
          withRefreshToken: body.refresh_token === true,
          ip,
        });
        return { ...session, ...wellKnown };
      },
    }),
  ];
}
