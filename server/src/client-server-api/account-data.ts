/**
 * GET, PUT /_matrix/client/v3/user/{userId}/account_data/{type} and
 * /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}: Client-Server API, "Client Config".
 * GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags; PUT, DELETE …/tags/{tag}: "Room Tagging".
 */
import Type from 'typebox';
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
  tags(userId: UserId, roomId: string): Promise<JsonObject>;
  setTag(userId: UserId, roomId: string, tag: string, info: JsonObject): Promise<void>;
  deleteTag(userId: UserId, roomId: string, tag: string): Promise<void>;
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

const TAGS = '/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags';

export function tagsRoutes(accountData: AccountDataService): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: TAGS,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const userId = requireSelf(requester, params.userId);
        return { tags: await accountData.tags(userId, params.roomId ?? '') };
      },
    }),
    clientRoute({
      method: 'PUT',
      path: `${TAGS}/{tag}`,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({ order: Type.Optional(Type.Number()) }),
      async handle({ params, body, requester }) {
        const userId = requireSelf(requester, params.userId);
        await accountData.setTag(userId, params.roomId ?? '', params.tag ?? '', body as JsonObject);
        return {};
      },
    }),
    clientRoute({
      method: 'DELETE',
      path: `${TAGS}/{tag}`,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const userId = requireSelf(requester, params.userId);
        await accountData.deleteTag(userId, params.roomId ?? '', params.tag ?? '');
        return {};
      },
    }),
  ];
}
