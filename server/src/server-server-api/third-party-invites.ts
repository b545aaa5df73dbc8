/**
 * Third-party invites (Server-Server API, same section).
 *
 * PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}
 * PUT /_matrix/federation/v1/3pid/onbind
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { AnyObject, boundedString, Identifier } from '../http/schemas.ts';
import type { RoomId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { exchangeInvite, passOnInvites } from '../rooms/third-party-invites.ts';

const ExchangeBody = Type.Object({
  type: Type.Literal('m.room.member'),
  room_id: Identifier,
  sender: Identifier,
  state_key: Identifier,
  content: Type.Object({
    membership: Type.Literal('invite'),
    third_party_invite: Type.Object({ signed: AnyObject }),
  }),
});
const OnBindBody = Type.Object({
  medium: boundedString(255),
  address: boundedString(1000),
  mxid: Identifier,
  invites: Type.Array(Type.Unknown()),
});

export function thirdPartyInviteRoutes(parts: RoomParts): FederationRoute[] {
  return [
    federationRoute({
      method: 'PUT',
      path: '/_matrix/federation/v1/exchange_third_party_invite/{roomId}',
      auth: 'x_matrix',
      serverAcl: 'room',
      inRoom: 'none',
      rateLimit: 'federation',
      body: ExchangeBody,
      async handle({ params, body, origin }) {
        await exchangeInvite(parts, origin, {
          roomId: params.roomId as RoomId,
          sender: body.sender,
          invitee: body.state_key,
          signed: body.content.third_party_invite.signed as JsonObject,
        });
        return {};
      },
    }),

    federationRoute({
      method: 'PUT',
      path: '/_matrix/federation/v1/3pid/onbind',
      // Called by identity servers, which sign no requests. What they bring is proven by the keys in the room, or is nothing.
      auth: 'none',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      body: OnBindBody,
      async handle({ body, signal }) {
        await passOnInvites(parts, body.mxid, body.invites, signal);
        return {};
      },
    }),
  ];
}
