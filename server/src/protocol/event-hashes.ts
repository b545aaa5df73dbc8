/** Content hash, reference hash and the ids made of it (Server-Server API, "Signing Events"; room versions, "Event IDs"). */

import { hash } from 'node:crypto';
import { type CanonicalMembers, canonicalJson, canonicalJsonBytes, joinMembers } from './canonical-json.ts';
import type { Event, EventId, EventReference, Pdu, RoomId, ServerName } from './event.ts';
import { type JsonObject, withoutKeys } from './json.ts';
import { redactEvent, redactedContent } from './redaction.ts';
import type { RoomVersion } from './room-versions.ts';
import { decodeBase64, encodeBase64, encodeBase64Url } from './unpadded-base64.ts';

/** The content hash, which covers the whole event as it was sent, in unpadded Base64. */
export function contentHash(event: JsonObject): string {
  return encodeBase64(sha256(contentText(event)));
}

/**
 * Whether `hashes.sha256` is the content hash. If not, the event is taken for the redacted copy of one that is whole elsewhere:
 * go on with `redactEvent(pdu)`, which has the same id and signatures.
 *
 * @param members of the event without its signatures, if they are at hand
 */
export function verifyContentHash(pdu: Pdu, members?: CanonicalMembers): boolean {
  const text = members === undefined ? contentText(pdu) : joinMembers(textsOf(members, (key) => key !== 'hashes'));
  return decodeBase64(pdu.hashes.sha256)?.equals(sha256(text)) ?? false;
}

/**
 * Canonical JSON of the redacted event without its signatures: the bytes that both signatures and the reference hash cover.
 * Needed for each, so make it once and hand it on.
 *
 * @param members of the event without its signatures, if they are at hand
 */
export function essentialBytes(
  event: JsonObject & Pick<Pdu, 'type' | 'content'>,
  version: RoomVersion,
  members?: CanonicalMembers,
): Buffer {
  if (members === undefined)
    return canonicalJsonBytes(withoutKeys(redactEvent(event, version), 'signatures', 'unsigned'));
  const kept = new Map(members);
  const content = redactedContent(event, version);
  if (content !== event.content) kept.set('content', `"content":${canonicalJson(content)}`);
  return Buffer.from(joinMembers(textsOf(kept, (key) => key === 'content' || version.redactionKeeps.includes(key))));
}

function textsOf(members: CanonicalMembers, isWanted: (key: string) => boolean): string[] {
  const texts: string[] = [];
  for (const [key, text] of members) if (isWanted(key)) texts.push(text);
  return texts;
}

/** The event's id. `bytes` are its `essentialBytes`, if they are at hand. */
export function eventIdOf(pdu: Pdu, version: RoomVersion, bytes: Uint8Array = essentialBytes(pdu, version)): EventId {
  switch (version.eventIds) {
    case 'given':
      return pdu.event_id as EventId;
    case 'base64':
      return `$${encodeBase64(sha256(bytes))}`;
    case 'base64url':
      return `$${encodeBase64Url(sha256(bytes))}`;
  }
}

/** An id for an event to be sent by `serverName` where ids are given: the same event gets the same one. */
export function newEventId(template: JsonObject, serverName: ServerName): EventId {
  return `$${encodeBase64Url(sha256(contentText(template)))}:${serverName}`;
}

/** How an event names this one among its `prev_events` or `auth_events`. */
export function referenceTo({ eventId, pdu }: Omit<Event, 'roomId'>, version: RoomVersion): EventReference {
  if (version.eventReferences === 'id') return eventId;
  return [eventId, { sha256: encodeBase64(sha256(essentialBytes(pdu, version))) }];
}

/**
 * The room that the event belongs to. An `m.room.create` without `room_id` founds the room that bears its own id, with the
 * other sigil; of any other event without one, this is a room that does not exist.
 */
export function roomIdOf(pdu: Pick<Pdu, 'room_id'>, eventId: EventId): RoomId {
  return pdu.room_id ?? `!${eventId.slice(1)}`;
}

function contentText(event: JsonObject): string {
  return canonicalJson(withoutKeys(event, 'unsigned', 'signatures', 'hashes'));
}

function sha256(data: Uint8Array | string): Buffer {
  return hash('sha256', data, 'buffer');
}
