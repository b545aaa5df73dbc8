/**
 * GET, PUT /_matrix/client/v3/user/{userId}/account_data/{type} and
 * /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}: Client-Server API, "Client Config".
 */
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import { forbidden } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Requester } from '../users/requester.ts';

/** `users/account-data.ts`, bound to the database. */
export interface AccountDataService {
  get(userId: UserId, roomId: string | undefined, type: string): Promise<JsonObject>;
  set(userId: UserId, roomId: string | undefined, type: string, content: JsonObject): Promise<void>;
}

function requireSelf(requester: Requester, userId: string | undefined): UserId {
  if (requester.userId !== userId) throw forbidden('Account data is seen and changed by its owner only.');
  return requester.userId;
}

export function accountDataRoutes(accountData: AccountDataService): ClientRoute[] {
  return ['/_matrix/client/v3/user/{userId}', '/_matrix/client/v3/user/{userId}/rooms/{roomId}'].flatMap((prefix) => [
    clientRoute({
      method: 'GET',
      path: `${prefix}/account_data/{type}`,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const userId = requireSelf(requester, params.userId);
        return await accountData.get(userId, params.roomId, params.type ?? '');
      },
    }),
    clientRoute({
      method: 'PUT',
      path: `${prefix}/account_data/{type}`,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: AnyObject,
      async handle({ params, body, requester }) {
        const userId = requireSelf(requester, params.userId);
        await accountData.set(userId, params.roomId, params.type ?? '', body as JsonObject);
        return {};
      },
    }),
  ]);
}
