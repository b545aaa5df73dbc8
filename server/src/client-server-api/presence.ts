/** GET and PUT /_matrix/client/v3/presence/{userId}/status: Client-Server API, "Presence". */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import { forbidden, notFound } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { isUserId } from '../protocol/identifiers.ts';
import type { Presence } from '../users/presence.ts';

const PATH = '/_matrix/client/v3/presence/{userId}/status';

export function presenceRoutes(services: {
  presence: Presence;
  /** Whether one user may see the other's presence: they share a room. */
  maySee(viewer: UserId, userId: UserId): Promise<boolean>;
}): ClientRoute[] {
  const { presence, maySee } = services;
  return [
    clientRoute({
      method: 'GET',
      path: PATH,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        const { userId } = params;
        if (!isUserId(userId)) throw notFound('There is no such user.');
        // The same for unknown users and for those that the requester has nothing to do with (A3.5).
        if (userId !== requester.userId && !(await maySee(requester.userId, userId)))
          throw forbidden('You share no room with this user.');
        return presence.contentOf(userId) ?? { presence: 'offline' };
      },
    }),
    clientRoute({
      method: 'PUT',
      path: PATH,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({
        presence: Type.Union([Type.Literal('online'), Type.Literal('offline'), Type.Literal('unavailable')]),
        status_msg: Type.Optional(Type.Union([boundedString(512), Type.Null()])),
      }),
      async handle({ params, body, requester }) {
        if (params.userId !== requester.userId) throw forbidden('Nobody may set the presence of somebody else.');
        const statusMsg = body.status_msg ?? undefined;
        await presence.set(requester.userId, body.presence, statusMsg === '' ? undefined : statusMsg);
        return {};
      },
    }),
  ];
}
