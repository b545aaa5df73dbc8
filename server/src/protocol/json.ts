/** JSON as the protocol sees it. Objects parsed from peers have a null prototype, so any key is plain data. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

/** How many arrays and objects may stand in one another, in any body. */
export const MAX_JSON_DEPTH = 100;

/**
 * Stands in a parsed tree where a peer sent what no event may hold: a number that is not canonical, or nesting beyond the
 * limit. So a bad event in a list spoils only itself. It is no JSON value: a tree is one once `isCanonical` has said so.
 */
export class NonCanonicalToken {
  readonly reason: 'number' | 'depth';
  /** The number as it was sent, such as `1.0`, `1e2`, `-0` or `9007199254740993`. Empty for nesting. */
  readonly source: string;

  constructor(reason: 'number' | 'depth', source: string) {
    this.reason = reason;
    this.source = source;
  }
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
