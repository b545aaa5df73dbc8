/** Numbers of events in room versions before 6, whose canonical JSON is not strict ("Canonical JSON" of room version 1). */

import { badJson } from './errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, NonCanonicalToken } from './json.ts';

const INTEGER = /^-?\d+$/;

/**
 * A copy of an event of ours with its numbers as other servers write them after parsing: their hash covers what they would
 * write. Whole numbers become digits, whatever notation a client chose for them. Throws the `MatrixError` for a number beyond
 * what a double holds, which others cannot read.
 */
export function withPlainNumbers<T extends JsonObject>(event: T): T {
  return plain(event) as T;
}

/** Recursion is safe: the parser has limited the depth. */
function plain(value: JsonValue | undefined): JsonValue | undefined {
  if (value instanceof NonCanonicalToken) return plainNumber(value);
  if (Array.isArray(value)) return value.map((item) => plain(item) ?? null);
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = Object.setPrototypeOf({}, null);
  for (const key of Object.keys(value)) copy[key] = plain(value[key]);
  return copy;
}

function plainNumber(token: NonCanonicalToken): JsonValue {
  if (token.reason === 'depth') return token;
  const value = Number(token.source);
  if (!Number.isFinite(value)) throw badJson('A number is beyond the range of a double.');
  // Adding 0 turns -0 into 0.
  if (Number.isSafeInteger(value)) return value + 0;
  return new NonCanonicalToken('number', writtenAlike(token.source, value));
}

/** As JavaScript, Python and others write the number: they part ways for small and for large floats only. */
function writtenAlike(source: string, value: number): string {
  if (INTEGER.test(source)) return BigInt(source).toString();
  if (Number.isInteger(value)) return BigInt(value).toString();
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, 'e-0$1');
}
