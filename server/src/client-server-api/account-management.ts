/**
 * POST /_matrix/client/v3/account/password: Client-Server API, "Password management".
 * POST /_matrix/client/v3/account/deactivate: "Account deactivation".
 * GET /_matrix/client/v3/account/3pid: "Adding Account Administrative Contact Information".
 */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { AuthData, type UiaProof, type UserInteractiveAuth } from '../http/uia.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Accounts } from '../users/accounts.ts';
import { requireGoodPassword } from '../users/passwords.ts';
import type { Requester } from '../users/requester.ts';

export interface AccountManagementServices {
  readonly accounts: Accounts;
  readonly uia: UserInteractiveAuth;
  /** Makes a closed account leave its rooms and reject its invites; runs in the background. */
  onDeactivated(userId: UserId): void;
}

export function accountManagementRoutes(services: AccountManagementServices): ClientRoute[] {
  return [
    passwordRoute(services),
    deactivateRoute(services),
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/account/3pid',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      // The server keeps no contact information, and the capability `m.3pid_changes` says so.
      handle: async () => ({ threepids: [] }),
    }),
  ];
}

/** The password proves who it is; with an access token it must be the password of its owner. */
async function authorise(
  uia: UserInteractiveAuth,
  name: string,
  request: { body: object; requester: Requester | undefined; ip: string },
): Promise<UiaProof & { userId: UserId }> {
  const proof = await uia.authorise({
    name,
    requester: request.requester?.userId,
    body: request.body as JsonObject,
    bodyMayChange: false,
    flows: [['m.login.password']],
    ip: request.ip,
  });
  const { userId } = proof;
  if (userId === null) throw new Error('a password stage without a user');
  return { ...proof, userId };
}

function passwordRoute({ accounts, uia }: AccountManagementServices): ClientRoute {
  return clientRoute({
    method: 'POST',
    path: '/_matrix/client/v3/account/password',
    auth: 'optional',
    guests: false,
    rateLimit: 'read',
    body: Type.Object({
      new_password: boundedString(2048),
      logout_devices: Type.Optional(Type.Boolean()),
      auth: Type.Optional(AuthData),
    }),
    async handle({ body, requester, ip }) {
      requireGoodPassword(body.new_password);
      const proof = await authorise(uia, 'POST /account/password', { body, requester, ip });
      await accounts.setPassword(proof.userId, body.new_password, {
        keepDevice: requester?.deviceId ?? null,
        logoutDevices: body.logout_devices !== false,
      });
      await proof.close();
      return {};
    },
  });
}

function deactivateRoute({ accounts, uia, onDeactivated }: AccountManagementServices): ClientRoute {
  return clientRoute({
    method: 'POST',
    path: '/_matrix/client/v3/account/deactivate',
    auth: 'optional',
    guests: false,
    rateLimit: 'read',
    body: Type.Object({
      erase: Type.Optional(Type.Boolean()),
      id_server: Type.Optional(Identifier),
      auth: Type.Optional(AuthData),
    }),
    async handle({ body, requester, ip }) {
      const proof = await authorise(uia, 'POST /account/deactivate', { body, requester, ip });
      await accounts.deactivate(proof.userId, body.erase === true);
      await proof.close();
      onDeactivated(proof.userId);
      return { id_server_unbind_result: 'success' };
    },
  });
}
