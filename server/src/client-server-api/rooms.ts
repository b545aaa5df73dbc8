import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import { NO_ROOM_EVENT_FILTER, parseRoomEventFilter, type RoomEventFilter } from '../protocol/filter.ts';
import { eventAtTime } from '../rooms/event-at-time.ts';
import { joinedMemberProfiles } from '../rooms/members.ts';
import { messages, readContext } from '../rooms/messages.ts';
import { readEvent, readMembers } from '../rooms/reading.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { MAX_TOKEN_LENGTH, parseTimelineToken } from '../rooms/timeline-token.ts';
import { queryJson } from './query-json.ts';

const Membership = Type.Optional(
  Type.Union(['join', 'invite', 'knock', 'leave', 'ban'].map((membership) => Type.Literal(membership))),
);

/** Reading a room: its events, pages of them, its members. */
export function roomsRoutes(parts: RoomParts): ClientRoute[] {
  return [
    eventRoute(parts),
    messagesRoute(parts),
    contextRoute(parts),
    eventAtTimeRoute(parts),
    membersRoute(parts),
    joinedMembersRoute(parts),
  ];
}

// GET /_matrix/client/v3/rooms/{roomId}/event/{eventId} — "Getting events for a room"
function eventRoute(parts: RoomParts): ClientRoute {
  return clientRoute({
    method: 'GET',
    path: '/_matrix/client/v3/rooms/{roomId}/event/{eventId}',
    auth: 'access_token',
    guests: true,
    rateLimit: 'read',
    handle: async ({ params, requester }) =>
      await readEvent(parts, requester, params.roomId ?? '', params.eventId ?? ''),
  });
}

// GET /_matrix/client/v3/rooms/{roomId}/messages — "Getting events for a room"
function messagesRoute(parts: RoomParts): ClientRoute {
  return clientRoute({
    method: 'GET',
    path: '/_matrix/client/v3/rooms/{roomId}/messages',
    auth: 'access_token',
    guests: true,
    rateLimit: 'read',
    query: Type.Object({
      dir: Type.Union([Type.Literal('b'), Type.Literal('f')]),
      from: Type.Optional(boundedString(MAX_TOKEN_LENGTH)),
      to: Type.Optional(boundedString(MAX_TOKEN_LENGTH)),
      limit: Type.Optional(Type.Integer({ minimum: 0 })),
      filter: Type.Optional(boundedString(16_384)),
    }),
    async handle({ params, query, requester }) {
      return await messages(parts, requester, params.roomId ?? '', {
        direction: query.dir,
        from: query.from === undefined ? undefined : parseTimelineToken(query.from),
        to: query.to === undefined ? undefined : parseTimelineToken(query.to),
        limit: query.limit,
        filter: roomEventFilter(query.filter),
      });
    },
  });
}

// GET /_matrix/client/v3/rooms/{roomId}/context/{eventId} — "Event context"
function contextRoute(parts: RoomParts): ClientRoute {
  return clientRoute({
    method: 'GET',
    path: '/_matrix/client/v3/rooms/{roomId}/context/{eventId}',
    auth: 'access_token',
    guests: true,
    rateLimit: 'read',
    query: Type.Object({
      limit: Type.Optional(Type.Integer({ minimum: 0 })),
      filter: Type.Optional(boundedString(16_384)),
    }),
    async handle({ params, query, requester }) {
      return await readContext(parts, requester, params.roomId ?? '', params.eventId ?? '', {
        limit: Math.min(query.limit ?? 10, 100),
        filter: roomEventFilter(query.filter),
      });
    },
  });
}

// GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event — "Getting events for a room"
function eventAtTimeRoute(parts: RoomParts): ClientRoute {
  return clientRoute({
    method: 'GET',
    path: '/_matrix/client/v1/rooms/{roomId}/timestamp_to_event',
    auth: 'access_token',
    guests: false,
    rateLimit: 'read',
    query: Type.Object({ ts: Type.Integer(), dir: Type.Union([Type.Literal('f'), Type.Literal('b')]) }),
    handle: async ({ params, query, requester }) =>
      await eventAtTime(parts, requester.userId, params.roomId ?? '', query),
  });
}

// GET /_matrix/client/v3/rooms/{roomId}/members — "Getting events for a room"
function membersRoute(parts: RoomParts): ClientRoute {
  return clientRoute({
    method: 'GET',
    path: '/_matrix/client/v3/rooms/{roomId}/members',
    auth: 'access_token',
    guests: true,
    rateLimit: 'read',
    query: Type.Object({
      at: Type.Optional(boundedString(MAX_TOKEN_LENGTH)),
      membership: Membership,
      not_membership: Membership,
    }),
    async handle({ params, query, requester }) {
      const chunk = await readMembers(parts, requester, params.roomId ?? '', {
        membership: query.membership,
        notMembership: query.not_membership,
        at: query.at === undefined ? undefined : parseTimelineToken(query.at),
      });
      return { chunk };
    },
  });
}

// GET /_matrix/client/v3/rooms/{roomId}/joined_members — "Getting events for a room"
function joinedMembersRoute(parts: RoomParts): ClientRoute {
  return clientRoute({
    method: 'GET',
    path: '/_matrix/client/v3/rooms/{roomId}/joined_members',
    auth: 'access_token',
    guests: false,
    rateLimit: 'read',
    handle: async ({ params, requester }) => ({
      joined: await joinedMemberProfiles(parts, params.roomId ?? '', requester.userId),
    }),
  });
}

/** @throws MatrixError M_INVALID_PARAM, M_BAD_JSON */
function roomEventFilter(text: string | undefined): RoomEventFilter {
  return text === undefined ? NO_ROOM_EVENT_FILTER : parseRoomEventFilter(queryJson(text, 'filter'));
}
