import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import type { EventId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { redact, sendMessage } from '../rooms/send.ts';

/** An event of 65,536 bytes still fits when its client writes every character as an escape. */
const EVENT_BODY_BYTES = 512 * 1024;

export function roomSendRoutes(parts: RoomParts): ClientRoute[] {
  return [
    // PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId} — "Sending events to a room"
    clientRoute({
      method: 'PUT',
      path: '/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}',
      auth: 'access_token',
      guests: true,
      rateLimit: 'message',
      writesWithToken: true,
      body: AnyObject,
      bodyIsContent: true,
      bodyLimitBytes: EVENT_BODY_BYTES,
      async handle({ params, body, requester }) {
        const message = { type: params.eventType ?? '', content: body as JsonObject, txnId: params.txnId ?? '' };
        return { event_id: await sendMessage(parts, requester, params.roomId ?? '', message) };
      },
    }),
    // PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId} — "Redactions"
    clientRoute({
      method: 'PUT',
      path: '/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}',
      auth: 'access_token',
      guests: false,
      rateLimit: 'message',
      body: Type.Object({}),
      bodyIsContent: true,
      bodyOptional: true,
      bodyLimitBytes: EVENT_BODY_BYTES,
      async handle({ params, body, requester }) {
        const request = {
          target: (params.eventId ?? '') as EventId,
          content: body as JsonObject,
          txnId: params.txnId ?? '',
        };
        return { event_id: await redact(parts, requester, params.roomId ?? '', request) };
      },
    }),
  ];
}
