/**
 * GET and POST /_synapse/admin/v1/register: accounts made by tools that know the server's `registration_shared_secret`, in
 * Synapse's protocol: a nonce, then HMAC-SHA1 over nonce, username, password and `admin` or `notadmin`, joined by NUL.
 */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import type { Accounts } from '../users/accounts.ts';
import { requireGoodPassword } from '../users/passwords.ts';
import type { Registration } from '../users/registration.ts';
import type { SharedSecretRegistration } from '../users/shared-secret-registration.ts';

const PATH = '/_synapse/admin/v1/register';

export function sharedSecretRegistrationRoutes(services: {
  serverName: ServerName;
  accounts: Accounts;
  registration: Registration;
  sharedSecret: SharedSecretRegistration;
  setDisplayName(userId: UserId, displayName: string): Promise<void>;
}): ClientRoute[] {
  const { serverName, accounts, registration, sharedSecret, setDisplayName } = services;
  return [
    clientRoute({
      method: 'GET',
      path: PATH,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      handle: async () => ({ nonce: await sharedSecret.newNonce() }),
    }),
    clientRoute({
      method: 'POST',
      path: PATH,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      body: Type.Object({
        nonce: boundedString(255),
        username: boundedString(512),
        password: boundedString(2048),
        displayname: Type.Optional(boundedString(255)),
        admin: Type.Optional(Type.Boolean()),
        user_type: Type.Optional(Type.Union([boundedString(255), Type.Null()])),
        mac: boundedString(255),
        inhibit_login: Type.Optional(Type.Boolean()),
      }),
      async handle({ body, ip }) {
        const { username, password, admin = false } = body;
        const userType = body.user_type ?? undefined;
        await sharedSecret.verify({ nonce: body.nonce, username, password, admin, userType, mac: body.mac });
        requireGoodPassword(password);
        const userId = accounts.newUserId(username.toLowerCase());
        const session = { deviceId: undefined, displayName: undefined, withRefreshToken: false, ip };
        const answer = await registration.register(
          { userId, password, isAdmin: admin },
          body.inhibit_login === true ? {} : { session },
        );
        if (body.displayname !== undefined) await setDisplayName(userId, body.displayname);
        return { ...answer, home_server: serverName };
      },
    }),
  ];
}
