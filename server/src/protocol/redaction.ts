/** The redaction algorithm (Client-Server API, "Redactions"; room versions, "Redactions"): what is left of a redacted event. */

import type { EventId, Pdu } from './event.ts';
import { isEventId } from './identifiers.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import type { KeptKey, RoomVersion } from './room-versions.ts';

/**
 * The event with only those keys that its room version protects. Signatures and reference hash cover just these, so that
 * they stay right when an event is redacted. `unsigned` is gone; the argument is not changed.
 */
export function redactEvent<T extends JsonObject & Pick<Pdu, 'type' | 'content'>>(event: T, version: RoomVersion): T {
  const redacted: JsonObject = Object.setPrototypeOf({}, null);
  for (const key of version.redactionKeeps) {
    if (Object.hasOwn(event, key)) redacted[key] = event[key];
  }
  redacted.content = redactedContent(event, version);
  return redacted as T;
}

/** What is left of the content of a redacted event; the same object where that is all of it. */
export function redactedContent({ type, content }: Pick<Pdu, 'type' | 'content'>, version: RoomVersion): JsonObject {
  const kept = version.redactionKeepsContent.get(type) ?? [];
  return kept === 'all' ? content : keep(content, kept);
}

/** The event that an `m.room.redaction` wants redacted; `undefined` when it names none. */
export function redactionTarget(event: Pick<Pdu, 'content' | 'redacts'>, version: RoomVersion): EventId | undefined {
  const target = version.redactsIn === 'content' ? event.content.redacts : event.redacts;
  return isEventId(target) ? target : undefined;
}

function keep(content: JsonObject, keys: readonly KeptKey[]): JsonObject {
  const kept: JsonObject = Object.setPrototypeOf({}, null);
  for (const key of keys) {
    const [outer, inner] = typeof key === 'string' ? [key, undefined] : key;
    if (!Object.hasOwn(content, outer)) continue;
    const value = content[outer];
    if (inner === undefined) kept[outer] = value;
    // Other servers keep the object even when nothing is left in it, and the hash tells the difference.
    else if (isJsonObject(value)) kept[outer] = keep(value, [inner]);
  }
  return kept;
}
