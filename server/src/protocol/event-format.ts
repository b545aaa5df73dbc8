/** The event format of the room versions ("Event format") and the size limits (Client-Server API, "Size limits"). */

import {
  type CanonicalMembers,
  canonicalJson,
  canonicalMembers,
  compareByCodePoint,
  findNonCanonical,
  joinMembers,
} from './canonical-json.ts';
import type { EventReference, Pdu } from './event.ts';
import { isEventId, isGivenEventId, isRoomId, isUserId, MAX_ID_BYTES } from './identifiers.ts';
import {
  exactInteger,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  MAX_JSON_DEPTH,
  NonCanonicalToken,
  type WideInteger,
  withoutKeys,
} from './json.ts';
import type { RoomVersion } from './room-versions.ts';
import { readSignatures } from './signing.ts';

/** Largest event: bytes of its canonical JSON, signatures included. */
export const MAX_EVENT_BYTES = 65_536;
export const MAX_PREV_EVENTS = 20;
export const MAX_AUTH_EVENTS = 10;

/**
 * How deep an event may nest. Lower than for a whole body, so that an event is not legal in one request and refused in another
 * whose envelope is deeper.
 */
export const MAX_EVENT_DEPTH = MAX_JSON_DEPTH - 10;

export type FormatVerdict =
  | {
      readonly ok: true;
      readonly pdu: Pdu;
      /** Canonical JSON of `pdu`: what is stored and sent on. */
      readonly json: string;
      /** Of `pdu` without its signatures: what hashes are made of. */
      readonly members: CanonicalMembers;
    }
  | { readonly ok: false; readonly fault: 'shape' | 'size'; readonly reason: string };

/**
 * Whether the value is an event of the room version: canonical JSON as the version has it, keys of the right types, within all
 * limits.
 * The answer is a copy without what its sender's signature does not cover: `unsigned`, and malformed entries of `signatures`.
 * Says nothing about hashes, signatures and authorisation.
 */
export function checkEventFormat(value: unknown, version: RoomVersion): FormatVerdict {
  if (!isJsonObject(value)) return refuse('shape', 'The event is not an object.');
  const covered = withoutKeys(value, 'unsigned', 'signatures');
  const limits = { maxDepth: MAX_EVENT_DEPTH, looseNumbers: !version.strictCanonicalJson };
  const members = canonicalMembers(covered, limits);
  if (members === undefined) {
    const odd = findNonCanonical(covered, limits);
    return refuse('shape', `${odd?.path}: ${odd?.reason}`);
  }
  const wrong = findWrongType(covered, version) ?? findWrongReference(covered, version);
  if (wrong !== undefined) return refuse('shape', wrong);
  const long = findTooLong(covered);
  if (long !== undefined) return refuse('size', `${long} has more than ${MAX_ID_BYTES} bytes.`);
  if (!isJsonObject(value.signatures)) return refuse('shape', 'signatures is not an object.');
  covered.signatures = readSignatures(value.signatures);
  const json = withMember(members, 'signatures', covered.signatures);
  if (Buffer.byteLength(json) > MAX_EVENT_BYTES) {
    return refuse('size', `The event has more than ${MAX_EVENT_BYTES} bytes.`);
  }
  return { ok: true, pdu: covered as Pdu, json, members };
}

/** Canonical JSON of the members and another one. */
function withMember(members: CanonicalMembers, key: string, value: JsonValue): string {
  const before: string[] = [];
  const after: string[] = [];
  for (const [other, text] of members) (compareByCodePoint(other, key) < 0 ? before : after).push(text);
  return joinMembers([...before, `${canonicalJson(key)}:${canonicalJson(value)}`, ...after]);
}

function refuse(fault: 'shape' | 'size', reason: string): FormatVerdict {
  return { ok: false, fault, reason };
}

function findWrongType(event: JsonObject, version: RoomVersion): string | undefined {
  const { type, state_key: stateKey, sender, depth, hashes } = event;
  if (!isKeyText(type)) return 'type is not a string without NUL.';
  if (stateKey !== undefined && !isKeyText(stateKey)) return 'state_key is not a string without NUL.';
  if (!isUserId(sender)) return 'sender is not a user id.';
  if (!isJsonObject(event.content)) return 'content is not an object.';
  if (!isIntegerWithin(event.origin_server_ts, -MAX_INT64, MAX_INT64)) return 'origin_server_ts is not an integer.';
  if (!isEventDepth(depth, version)) return 'depth is out of range.';
  if (!isJsonObject(hashes) || typeof hashes.sha256 !== 'string') return 'hashes.sha256 is not a string.';
  if (version.eventIdInPdu && !isGivenEventId(event.event_id)) return 'event_id is not an event id of a server.';
  return undefined;
}

const MAX_INT64 = 2n ** 63n - 1n;
const INTEGER = /^-?\d{1,19}$/;

/** Whether an event may have this depth. */
export function isEventDepth(value: JsonValue | undefined, { maxDepth }: RoomVersion): value is WideInteger {
  return isIntegerWithin(value, 0n, maxDepth);
}

/** What has come this far as a number is an integer; a token may stand for one that a number does not hold. */
function isIntegerWithin(value: JsonValue | undefined, min: bigint, max: bigint): value is WideInteger {
  if (typeof value !== 'number' && !(value instanceof NonCanonicalToken && INTEGER.test(value.source))) return false;
  const integer = exactInteger(value);
  return min <= integer && integer <= max;
}

function findWrongReference(event: JsonObject, version: RoomVersion): string | undefined {
  const { room_id: roomId, prev_events: prevEvents, auth_events: authEvents } = event;
  if (roomId === undefined) {
    if (version.roomIdInCreateEvent || event.type !== 'm.room.create') return 'room_id is missing.';
  } else if (!isRoomId(roomId) || roomId.includes(':') !== (version.roomIds === 'domain')) {
    return 'room_id is not a room id of this room version.';
  }
  if (!isListOfReferences(prevEvents, MAX_PREV_EVENTS, version)) {
    return `prev_events is not a list of at most ${MAX_PREV_EVENTS} event ids.`;
  }
  if (!isListOfReferences(authEvents, MAX_AUTH_EVENTS, version)) {
    return `auth_events is not a list of at most ${MAX_AUTH_EVENTS} event ids.`;
  }
  return undefined;
}

/** The other ids are checked for length together with their grammar. */
function findTooLong(event: JsonObject): string | undefined {
  return ['type', 'state_key'].find((key) => {
    const text = event[key];
    return typeof text === 'string' && Buffer.byteLength(text) > MAX_ID_BYTES;
  });
}

/** Text that tells events of a state apart. A NUL could not be stored in a column, and joins the two halves of a `StateKey`. */
function isKeyText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\u0000');
}

function isListOfReferences(value: unknown, max: number, version: RoomVersion): boolean {
  return Array.isArray(value) && value.length <= max && value.every((item) => isEventReference(item, version));
}

/** Whether the value may stand in `prev_events` or `auth_events`. Of which algorithms the hashes are is up to the sender. */
export function isEventReference(value: unknown, { eventReferences }: RoomVersion): value is EventReference {
  if (eventReferences === 'id') return isEventId(value);
  return Array.isArray(value) && value.length === 2 && isEventId(value[0]) && isJsonObject(value[1]);
}
