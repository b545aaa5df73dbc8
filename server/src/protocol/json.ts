/** JSON as the protocol sees it. Objects parsed from peers have a null prototype, so any key is plain data. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject | NonCanonicalToken;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

/** How many arrays and objects may stand in one another, in any body. */
export const MAX_JSON_DEPTH = 100;

/**
 * Stands in a parsed tree for what JavaScript would not keep as it was sent: a number that is not canonical, or nesting beyond
 * the limit. Such numbers are part of events in room versions before 6, whose hashes cover them as they are written; elsewhere a
 * token spoils the event that holds it, and only that one. What `isCanonical` has looked at holds none.
 */
export class NonCanonicalToken {
  readonly reason: 'number' | 'depth';
  /** The number as it was sent, such as `1.0`, `1e2`, `-0` or `9007199254740993`. Empty for nesting. */
  readonly source: string;

  constructor(reason: 'number' | 'depth', source: string) {
    this.reason = reason;
    this.source = source;
  }

  /** The number goes out as it came in. */
  toJSON(): unknown {
    return this.reason === 'number' ? rawJson(this.source) : null;
  }
}

/** `JSON.rawJSON`, which the type library does not know: text that `JSON.stringify` writes as it is. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

/** Whether there is such a token anywhere in a parsed tree. Recursion is safe: the parser has limited the depth. */
export function holdsToken(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof NonCanonicalToken) return true;
  if (Array.isArray(value)) return value.some(holdsToken);
  for (const key in value) if (holdsToken((value as JsonObject)[key])) return true;
  return false;
}

/** An integer that may be beyond what a JavaScript number holds, as events before room version 6 may have them. */
export type WideInteger = number | NonCanonicalToken;

/** Its exact value. A bigint only where a number would not do, so that equal values are of the same type. */
export function exactInteger(value: WideInteger): number | bigint {
  return typeof value === 'number' ? value : BigInt(value.source);
}

/** The nearest value that a number holds exactly, for columns and clients. */
export function nearestSafeInteger(value: WideInteger): number {
  if (typeof value === 'number') return value;
  return value.source.startsWith('-') ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NonCanonicalToken);
}

/** A copy, without prototype, that lacks the given keys, and those whose value is `undefined`. */
export function withoutKeys(object: JsonObject, ...keys: readonly string[]): JsonObject {
  const copy: JsonObject = Object.setPrototypeOf({}, null);
  for (const key of Object.keys(object)) {
    if (object[key] !== undefined && !keys.includes(key)) copy[key] = object[key];
  }
  return copy;
}
