/** POST /_matrix/client/v3/user/{userId}/filter; GET …/filter/{filterId}: Client-Server API, "Filtering". */
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import { forbidden } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Filters } from '../users/filters.ts';
import type { Requester } from '../users/requester.ts';

const PATH = '/_matrix/client/v3/user/{userId}/filter';
const MAX_FILTER_BYTES = 64 * 1024;

function requireSelf(requester: Requester, userId: string | undefined): UserId {
  if (requester.userId !== userId) throw forbidden('Filters are made and seen by their owner only.');
  return requester.userId;
}

export function filterRoutes(filters: Filters): ClientRoute[] {
  return [
    clientRoute({
      method: 'POST',
      path: PATH,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      bodyLimitBytes: MAX_FILTER_BYTES,
      body: AnyObject,
      async handle({ params, body, requester }) {
        const userId = requireSelf(requester, params.userId);
        return { filter_id: await filters.define(userId, body as JsonObject) };
      },
    }),
    clientRoute({
      method: 'GET',
      path: `${PATH}/{filterId}`,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const userId = requireSelf(requester, params.userId);
        return await filters.definition(userId, params.filterId ?? '');
      },
    }),
  ];
}
