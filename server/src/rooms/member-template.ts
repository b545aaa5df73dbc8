import { badAnswer } from '../federation/federation-error.ts';
import type { EventTemplate } from '../federation/membership-calls.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { EventReference, RoomId, ServerName, UserId } from '../protocol/event.ts';
import { isEventDepth, isEventReference } from '../protocol/event-format.ts';
import { hashAndSignEvent, type SignedEvent } from '../protocol/event-signing.ts';
import { isUserId } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { type RoomVersion, roomVersion } from '../protocol/room-versions.ts';
import type { RoomParts } from './room-parts.ts';

/** A membership of one of our users in a room that this server is not in. */
export interface OwnMembership {
  readonly userId: UserId;
  readonly roomId: RoomId;
  /** Content of the event, `membership` included. */
  readonly content: JsonObject;
}

/**
 * Makes the join, leave or knock for which another server has made a template. Of the template only the place in the graph is
 * taken, and who authorised a restricted join; all else is our own (A1.3).
 *
 * @param made what `server` answered to make_join, make_leave or make_knock
 * @throws MatrixError M_UNSUPPORTED_ROOM_VERSION; M_UNKNOWN 502 when the template is for something else
 */
export function signMembership(
  parts: RoomParts,
  server: ServerName,
  made: EventTemplate,
  own: OwnMembership,
): { readonly version: RoomVersion; readonly event: SignedEvent } {
  const version = roomVersion(made.roomVersion ?? '1');
  if (version === undefined)
    throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', 'This server does not know the version of that room.', 400);
  requireTemplateOf(server, made.event, own);
  return { version, event: signOwnMembership(parts, version, made.event, own) };
}

/** The same where nobody made a template: `place` holds what is known of the event's place in the graph. */
export function signOwnMembership(
  parts: RoomParts,
  version: RoomVersion,
  place: JsonObject,
  { userId, roomId, content }: OwnMembership,
): SignedEvent {
  const { prev_events: prev, auth_events: auth, depth } = place;
  const references = (value: unknown, most: number): EventReference[] =>
    Array.isArray(value) ? value.filter((item) => isEventReference(item, version)).slice(0, most) : [];
  const authorisedBy = isJsonObject(place.content) ? place.content.join_authorised_via_users_server : undefined;
  const template = {
    type: 'm.room.member',
    room_id: roomId,
    sender: userId,
    state_key: userId,
    content: isUserId(authorisedBy) ? { ...content, join_authorised_via_users_server: authorisedBy } : content,
    depth: isEventDepth(depth, version) && depth !== 0 ? depth : 1,
    origin_server_ts: parts.clock.now(),
    prev_events: references(prev, 20),
    auth_events: references(auth, 10),
  };
  return hashAndSignEvent(template, version, parts.serverName, parts.signingKey);
}

/** A template for another room, user or membership means that the other server has not understood, or that it lies. */
function requireTemplateOf(server: ServerName, template: JsonObject, { userId, roomId, content }: OwnMembership): void {
  const made = isJsonObject(template.content) ? template.content.membership : undefined;
  const expected =
    template.type === 'm.room.member' &&
    template.room_id === roomId &&
    template.sender === userId &&
    template.state_key === userId &&
    made === content.membership;
  if (!expected) throw badAnswer(server, 'the template is not of the membership asked for');
}
