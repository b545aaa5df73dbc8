import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { forbidden } from '../protocol/errors.ts';
import { joinedRoomOf } from '../rooms/members.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import type { Typing } from '../rooms/typing.ts';

export function typingRoutes(parts: RoomParts, typing: Typing): ClientRoute[] {
  return [
    // PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId} — "Typing notifications"
    clientRoute({
      method: 'PUT',
      path: '/_matrix/client/v3/rooms/{roomId}/typing/{userId}',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({ typing: Type.Boolean(), timeout: Type.Optional(Type.Integer({ minimum: 0 })) }),
      async handle({ params, body, requester }) {
        if (params.userId !== requester.userId) throw forbidden('Nobody can type for somebody else.');
        const room = await joinedRoomOf(parts, params.roomId ?? '', requester.userId);
        await typing.set(room.nid, requester.userId, body.typing ? (body.timeout ?? 30_000) : 0);
        return {};
      },
    }),
  ];
}
