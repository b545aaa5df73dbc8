/** GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags; PUT, DELETE …/tags/{tag}: Client-Server API, "Room Tagging". */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { forbidden } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Requester } from '../users/requester.ts';

/** The tags of `users/account-data.ts`, bound to the database. */
export interface Tags {
  list(userId: UserId, roomId: string): Promise<JsonObject>;
  set(userId: UserId, roomId: string, tag: string, info: JsonObject): Promise<void>;
  delete(userId: UserId, roomId: string, tag: string): Promise<void>;
}

function requireSelf(requester: Requester, userId: string | undefined): UserId {
  if (requester.userId !== userId) throw forbidden('Tags are seen and changed by their owner only.');
  return requester.userId;
}

const PATH = '/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags';

export function tagsRoutes(tags: Tags): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: PATH,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const userId = requireSelf(requester, params.userId);
        return { tags: await tags.list(userId, params.roomId ?? '') };
      },
    }),
    clientRoute({
      method: 'PUT',
      path: `${PATH}/{tag}`,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({ order: Type.Optional(Type.Number()) }),
      async handle({ params, body, requester }) {
        const userId = requireSelf(requester, params.userId);
        await tags.set(userId, params.roomId ?? '', params.tag ?? '', body as JsonObject);
        return {};
      },
    }),
    clientRoute({
      method: 'DELETE',
      path: `${PATH}/{tag}`,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const userId = requireSelf(requester, params.userId);
        await tags.delete(userId, params.roomId ?? '', params.tag ?? '');
        return {};
      },
    }),
  ];
}
