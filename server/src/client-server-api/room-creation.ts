import Type from 'typebox';
import type { RateLimits } from '../http/rate-limits.ts';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject, boundedString, Identifier } from '../http/schemas.ts';
import { createRoom, type RoomRequest } from '../rooms/create-room.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

const Body = Type.Object({
  visibility: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('private')])),
  room_alias_name: Type.Optional(boundedString(255)),
  name: Type.Optional(boundedString(10_000)),
  topic: Type.Optional(boundedString(20_000)),
  invite: Type.Optional(Type.Array(Identifier)),
  invite_3pid: Type.Optional(Type.Array(AnyObject)),
  room_version: Type.Optional(boundedString(32)),
  creation_content: Type.Optional(AnyObject),
  initial_state: Type.Optional(
    Type.Array(Type.Object({ type: Identifier, state_key: Type.Optional(boundedString(255)), content: AnyObject })),
  ),
  preset: Type.Optional(
    Type.Union([Type.Literal('private_chat'), Type.Literal('public_chat'), Type.Literal('trusted_private_chat')]),
  ),
  is_direct: Type.Optional(Type.Boolean()),
  power_level_content_override: Type.Optional(AnyObject),
});

export function roomCreationRoutes(parts: RoomParts, rateLimits: Pick<RateLimits, 'take'>): ClientRoute[] {
  return [
    // POST /_matrix/client/v3/createRoom — "Creation"
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/createRoom',
      auth: 'access_token',
      guests: false,
      rateLimit: 'join',
      body: Body,
      bodyIsContent: true,
      timeoutMs: 120_000,
      async handle({ body, requester }) {
        // Invites cost the same whichever way they are made (A4.7).
        const invites = body.invite?.length ?? 0;
        if (invites > 0) await rateLimits.take('invite', requester.userId, invites);
        return { room_id: await createRoom(parts, requester, body as RoomRequest) };
      },
    }),
  ];
}
