import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import type { SetAccountData } from '../rooms/receipts.ts';
import { sendReadMarkers, sendReceipt } from '../rooms/receipts.ts';
import type { RoomParts } from '../rooms/room-parts.ts';

export function receiptRoutes(parts: RoomParts, setAccountData: SetAccountData): ClientRoute[] {
  return [
    // POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId} — "Receipts"
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      bodyOptional: true,
      body: Type.Object({ thread_id: Type.Optional(boundedString(255)) }),
      async handle({ params, body, requester }) {
        const receipt = {
          type: params.receiptType ?? '',
          eventId: params.eventId ?? '',
          threadId: body.thread_id,
        };
        await sendReceipt(parts, requester, params.roomId ?? '', receipt, setAccountData);
        return {};
      },
    }),
    // POST /_matrix/client/v3/rooms/{roomId}/read_markers — "Read and unread markers"
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/rooms/{roomId}/read_markers',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      bodyOptional: true,
      body: Type.Object({
        'm.fully_read': Type.Optional(Identifier),
        'm.read': Type.Optional(Identifier),
        'm.read.private': Type.Optional(Identifier),
      }),
      async handle({ params, body, requester }) {
        await sendReadMarkers(parts, requester, params.roomId ?? '', body, setAccountData);
        return {};
      },
    }),
  ];
}
