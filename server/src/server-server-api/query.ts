/**
 * Querying for information (Server-Server API, "Querying for information").
 *
 * GET /_matrix/federation/v1/query/directory
 * GET /_matrix/federation/v1/query/profile
 * GET /_matrix/federation/v1/query/{queryType}
 *
 * Both answer for what is ours alone: what we know of others is not told (A3.4).
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { notFound, unrecognized } from '../protocol/errors.ts';
import type { RoomAlias, RoomId, ServerName, UserId } from '../protocol/event.ts';
import { isRoomAlias, isUserId, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';

const DirectoryQuery = Type.Object({ room_alias: Identifier });
const ProfileQuery = Type.Object({ user_id: Identifier, field: Type.Optional(boundedString(255)) });

export interface QueryServices {
  readonly serverName: ServerName;
  /** Public profile of a local user; undefined when there is no such user. */
  profileOf(userId: UserId): Promise<JsonObject | undefined>;
  /** Room of a local alias and servers that are in it; undefined when there is no such alias. */
  resolveAlias(alias: RoomAlias): Promise<{ roomId: RoomId; servers: readonly ServerName[] } | undefined>;
}

export function queryRoutes(services: QueryServices): FederationRoute[] {
  const signed = { auth: 'x_matrix', serverAcl: 'none', inRoom: 'none', rateLimit: 'federation' } as const;
  return [
    federationRoute({
      ...signed,
      method: 'GET',
      path: '/_matrix/federation/v1/query/directory',
      query: DirectoryQuery,
      async handle({ query: { room_alias: alias } }) {
        const isOurs = isRoomAlias(alias) && serverNameOf(alias) === services.serverName;
        const room = isOurs ? await services.resolveAlias(alias) : undefined;
        if (room === undefined) throw notFound('Room alias not found.');
        return { room_id: room.roomId, servers: [...room.servers] };
      },
    }),

    federationRoute({
      ...signed,
      method: 'GET',
      path: '/_matrix/federation/v1/query/profile',
      query: ProfileQuery,
      async handle({ query: { user_id: userId, field } }) {
        const isOurs = isUserId(userId) && serverNameOf(userId) === services.serverName;
        const profile = isOurs ? await services.profileOf(userId) : undefined;
        if (profile === undefined) throw notFound('There is no such profile.');
        if (field === undefined) return profile;
        if (!Object.hasOwn(profile, field)) throw notFound('There is no such profile.');
        return { [field]: profile[field] };
      },
    }),

    federationRoute({
      ...signed,
      method: 'GET',
      path: '/_matrix/federation/v1/query/{queryType}',
      async handle(): Promise<never> {
        throw unrecognized('This server knows no queries of this type.');
      },
    }),
  ];
}
