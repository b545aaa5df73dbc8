/**
 * GET /_matrix/client/v3/profile/{userId}; GET, PUT, DELETE /_matrix/client/v3/profile/{userId}/{keyName}:
 * Client-Server API, "Profiles".
 */
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import { forbidden, MatrixError } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Profiles } from '../users/profiles.ts';
import type { Requester } from '../users/requester.ts';

const PATH = '/_matrix/client/v3/profile/{userId}';

/** Everybody changes their own profile only, and guests only their display name ("Guest Access"). */
function requireOwn(requester: Requester, userId: string | undefined, field: string | undefined): UserId {
  if (requester.userId !== userId) throw forbidden('Nobody may change the profile of somebody else.');
  if (requester.isGuest && field !== 'displayname')
    throw new MatrixError('M_GUEST_ACCESS_FORBIDDEN', 'Guests may only change their display name.', 403);
  return requester.userId;
}

export function profileRoutes(profiles: Profiles): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: PATH,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      handle: async ({ params }) => await profiles.get(params.userId ?? ''),
    }),
    clientRoute({
      method: 'GET',
      path: `${PATH}/{keyName}`,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      async handle({ params }) {
        const { userId = '', keyName = '' } = params;
        return { [keyName]: await profiles.getField(userId, keyName) };
      },
    }),
    clientRoute({
      method: 'PUT',
      path: `${PATH}/{keyName}`,
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      body: AnyObject,
      async handle({ params, body, requester }) {
        const userId = requireOwn(requester, params.userId, params.keyName);
        await profiles.setField(userId, params.keyName ?? '', body as JsonObject);
        return {};
      },
    }),
    clientRoute({
      method: 'DELETE',
      path: `${PATH}/{keyName}`,
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const userId = requireOwn(requester, params.userId, params.keyName);
        await profiles.deleteField(userId, params.keyName ?? '');
        return {};
      },
    }),
  ];
}
