import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject, boundedString } from '../http/schemas.ts';
import type { JsonObject } from '../protocol/json.ts';
import { readState, readStateEvent } from '../rooms/reading.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { sendState } from '../rooms/send.ts';
import { setMemberState } from '../rooms/set-member-state.ts';

const STATE = '/_matrix/client/v3/rooms/{roomId}/state';

export function roomStateRoutes(parts: RoomParts): ClientRoute[] {
  return [
    // GET /_matrix/client/v3/rooms/{roomId}/state — "Getting events for a room"
    clientRoute({
      method: 'GET',
      path: STATE,
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      handle: async ({ params, requester }) => await readState(parts, requester, params.roomId ?? ''),
    }),
    ...[`${STATE}/{eventType}`, `${STATE}/{eventType}/{stateKey}`].flatMap((path) => stateEventRoutes(parts, path)),
  ];
}

function stateEventRoutes(parts: RoomParts, path: string): ClientRoute[] {
  const emptyParams = path.endsWith('{stateKey}') ? { emptyParams: ['stateKey'] } : {};
  return [
    // GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey} — "Getting events for a room"
    clientRoute({
      method: 'GET',
      path,
      ...emptyParams,
      auth: 'access_token',
      guests: true,
      rateLimit: 'read',
      query: Type.Object({ format: Type.Optional(boundedString(16)) }),
      async handle({ params, query, requester }) {
        const key = { type: params.eventType ?? '', stateKey: params.stateKey ?? '' };
        const event = await readStateEvent(parts, requester, params.roomId ?? '', key);
        return query.format === 'event' ? event : event.content;
      },
    }),
    // PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey} — "Sending events to a room"
    clientRoute({
      method: 'PUT',
      path,
      ...emptyParams,
      auth: 'access_token',
      guests: true,
      rateLimit: 'message',
      body: AnyObject,
      bodyIsContent: true,
      async handle({ params, body, requester }) {
        const state = {
          type: params.eventType ?? '',
          stateKey: params.stateKey ?? '',
          content: body as JsonObject,
        };
        const roomId = params.roomId ?? '';
        if (state.type === 'm.room.member') return { event_id: await setMemberState(parts, requester, roomId, state) };
        return { event_id: await sendState(parts, requester, roomId, state) };
      },
    }),
  ];
}
