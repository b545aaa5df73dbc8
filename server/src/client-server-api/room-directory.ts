import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { missingToken } from '../protocol/errors.ts';
import {
  createAlias,
  isRoomPublished,
  localAliases,
  publicRooms,
  removeAlias,
  setRoomPublished,
} from '../rooms/directory.ts';
import { resolveAlias } from '../rooms/join.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

export function roomDirectoryRoutes(parts: RoomParts): ClientRoute[] {
  return [...aliasRoutes(parts), ...visibilityRoutes(parts), ...publicRoomsRoutes(parts)];
}

function aliasRoutes(parts: RoomParts): ClientRoute[] {
  const path = '/_matrix/client/v3/directory/room/{roomAlias}';
  return [
    // GET /_matrix/client/v3/directory/room/{roomAlias} — "Room aliases"
    clientRoute({
      method: 'GET',
      path,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      async handle({ params }) {
        const { roomId, servers } = await resolveAlias(parts, params.roomAlias ?? '');
        return { room_id: roomId, servers };
      },
    }),
    // PUT /_matrix/client/v3/directory/room/{roomAlias} — "Room aliases"
    clientRoute({
      method: 'PUT',
      path,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({ room_id: Identifier }),
      async handle({ params, body, requester }) {
        await createAlias(parts, requester, params.roomAlias ?? '', body.room_id);
        return {};
      },
    }),
    // DELETE /_matrix/client/v3/directory/room/{roomAlias} — "Room aliases"
    clientRoute({
      method: 'DELETE',
      path,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      async handle({ params, requester }) {
        await removeAlias(parts, requester, params.roomAlias ?? '');
        return {};
      },
    }),
    // GET /_matrix/client/v3/rooms/{roomId}/aliases — "Room aliases"
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/rooms/{roomId}/aliases',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      handle: async ({ params, requester }) => ({
        aliases: await localAliases(parts, requester, params.roomId ?? ''),
      }),
    }),
  ];
}

function visibilityRoutes(parts: RoomParts): ClientRoute[] {
  const path = '/_matrix/client/v3/directory/list/room/{roomId}';
  return [
    // GET /_matrix/client/v3/directory/list/room/{roomId} — "Published room directory"
    clientRoute({
      method: 'GET',
      path,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      handle: async ({ params }) => ({
        visibility: (await isRoomPublished(parts, params.roomId ?? '')) ? 'public' : 'private',
      }),
    }),
    // PUT /_matrix/client/v3/directory/list/room/{roomId} — "Published room directory"
    clientRoute({
      method: 'PUT',
      path,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({
        visibility: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('private')])),
      }),
      async handle({ params, body, requester }) {
        await setRoomPublished(parts, requester, params.roomId ?? '', body.visibility !== 'private');
        return {};
      },
    }),
  ];
}

function publicRoomsRoutes(parts: RoomParts): ClientRoute[] {
  const path = '/_matrix/client/v3/publicRooms';
  const server = Type.Optional(Identifier);
  const since = Type.Optional(boundedString(255));
  return [
    // GET /_matrix/client/v3/publicRooms — "Published room directory"
    clientRoute({
      method: 'GET',
      path,
      auth: 'optional',
      guests: true,
      rateLimit: 'read',
      query: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 0 })), since, server }),
      async handle({ query, requester }) {
        // Without a token only the local directory is open: anybody could make us ask other servers otherwise.
        const isElsewhere = query.server !== undefined && query.server !== parts.serverName;
        if (isElsewhere && requester === undefined) throw missingToken();
        return await publicRooms(parts, query);
      },
    }),
    // POST /_matrix/client/v3/publicRooms — "Published room directory"
    clientRoute({
      method: 'POST',
      path,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      query: Type.Object({ server }),
      bodyOptional: true,
      body: Type.Object({
        limit: Type.Optional(Type.Integer({ minimum: 0 })),
        since,
        filter: Type.Optional(
          Type.Object({
            generic_search_term: Type.Optional(Type.Union([boundedString(255), Type.Null()])),
            room_types: Type.Optional(
              Type.Union([Type.Array(Type.Union([boundedString(255), Type.Null()])), Type.Null()]),
            ),
          }),
        ),
        include_all_networks: Type.Optional(Type.Boolean()),
        third_party_instance_id: Type.Optional(Type.Union([boundedString(255), Type.Null()])),
      }),
      async handle({ query, body }) {
        return await publicRooms(parts, {
          server: query.server,
          limit: body.limit,
          since: body.since,
          term: body.filter?.generic_search_term ?? undefined,
          roomTypes: body.filter?.room_types ?? undefined,
        });
      },
    }),
  ];
}
