import Type from 'typebox';
import { type ClientRoute, clientRoute, type RateLimitClass } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { missingParam } from '../protocol/errors.ts';
import { inviteUser, thirdPartyIdDenied } from '../rooms/invite.ts';
import { joinRoom } from '../rooms/join.ts';
import { knockOnRoom } from '../rooms/knock.ts';
import { forgetRoom, leaveRoom } from '../rooms/leave.ts';
import { joinedRooms } from '../rooms/members.ts';
import { ban, kick, type MembershipRequest, unban } from '../rooms/membership.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import type { Sender } from '../rooms/send.ts';

const Reason = Type.Object({ reason: Type.Optional(boundedString(10_000)) });
const Target = Type.Object({ user_id: Identifier, reason: Type.Optional(boundedString(10_000)) });
const Via = Type.Object({
  via: Type.Optional(Type.Array(Identifier)),
  // What `via` was called before v1.12.
  server_name: Type.Optional(Type.Array(Identifier)),
});

export function roomMembershipRoutes(parts: RoomParts): ClientRoute[] {
  return [
    // POST /_matrix/client/v3/join/{roomIdOrAlias} — "Joining rooms"
    enteringRoute(parts, '/_matrix/client/v3/join/{roomIdOrAlias}', joinRoom),
    // POST /_matrix/client/v3/knock/{roomIdOrAlias} — "Knocking on rooms"
    enteringRoute(parts, '/_matrix/client/v3/knock/{roomIdOrAlias}', knockOnRoom),
    // POST /_matrix/client/v3/rooms/{roomId}/join — "Joining rooms"
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/rooms/{roomId}/join',
      auth: 'access_token',
      guests: true,
      rateLimit: 'join',
      timeoutMs: 120_000,
      body: Reason,
      bodyOptional: true,
      async handle({ params, body, requester }) {
        return { room_id: await joinRoom(parts, requester, params.roomId ?? '', body) };
      },
    }),
    // POST /_matrix/client/v3/rooms/{roomId}/invite — "Room membership"
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/rooms/{roomId}/invite',
      auth: 'access_token',
      guests: false,
      rateLimit: 'invite',
      body: Type.Object({
        user_id: Type.Optional(Identifier),
        reason: Type.Optional(boundedString(10_000)),
        // "Third-party Invites"
        medium: Type.Optional(Identifier),
        address: Type.Optional(boundedString(10_000)),
      }),
      async handle({ params, body, requester }) {
        if (body.user_id === undefined) {
          if (body.medium !== undefined || body.address !== undefined) throw thirdPartyIdDenied();
          throw missingParam('user_id is missing.');
        }
        await inviteUser(parts, requester, params.roomId ?? '', { userId: body.user_id, reason: body.reason });
        return {};
      },
    }),
    // POST /_matrix/client/v3/rooms/{roomId}/leave — "Leaving rooms"
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/rooms/{roomId}/leave',
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      body: Reason,
      bodyOptional: true,
      async handle({ params, body, requester }) {
        await leaveRoom(parts, requester, params.roomId ?? '', body);
        return {};
      },
    }),
    // POST /_matrix/client/v3/rooms/{roomId}/forget — "Leaving rooms"
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/rooms/{roomId}/forget',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      bodyOptional: true,
      body: Type.Object({}),
      async handle({ params, requester }) {
        await forgetRoom(parts, requester, params.roomId ?? '');
        return {};
      },
    }),
    // POST /_matrix/client/v3/rooms/{roomId}/kick, ban, unban — "Leaving rooms", "Banning users in a room"
    targetRoute(parts, 'kick', 'read', kick),
    targetRoute(parts, 'ban', 'read', ban),
    targetRoute(parts, 'unban', 'read', unban),
    // GET /_matrix/client/v3/joined_rooms — "Room membership"
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/joined_rooms',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      handle: async ({ requester }) => ({ joined_rooms: await joinedRooms(parts, requester.userId) }),
    }),
  ];
}

function enteringRoute(parts: RoomParts, path: string, enter: typeof joinRoom): ClientRoute {
  return clientRoute({
    method: 'POST',
    path,
    auth: 'access_token',
    guests: false,
    rateLimit: 'join',
    timeoutMs: 120_000,
    body: Reason,
    bodyOptional: true,
    query: Via,
    async handle({ params, query, body, requester }) {
      const request = { via: query.via ?? query.server_name ?? [], ...body };
      return { room_id: await enter(parts, requester, params.roomIdOrAlias ?? '', request) };
    },
  });
}

type Change = (parts: RoomParts, sender: Sender, roomId: string, request: MembershipRequest) => Promise<unknown>;

function targetRoute(parts: RoomParts, name: string, rateLimit: RateLimitClass, change: Change): ClientRoute {
  return clientRoute({
    method: 'POST',
    path: `/_matrix/client/v3/rooms/{roomId}/${name}`,
    auth: 'access_token',
    guests: false,
    rateLimit,
    body: Target,
    async handle({ params, body, requester }) {
      const { user_id: userId, reason } = body;
      await change(parts, requester, params.roomId ?? '', { userId: userId as `@${string}`, reason });
      return {};
    },
  });
}
