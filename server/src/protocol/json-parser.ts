/**
 * The one JSON parser for what clients and peers send. It differs from `JSON.parse` where that is unsafe for signed data:
 * numbers that canonical JSON forbids are seen as they were sent and not rounded, objects have no prototype (so that
 * `__proto__` is a key like any other), nesting is limited before anything recurses, and bytes that are not UTF-8 are refused.
 * Of a repeated key the last value counts.
 */

import { findNonCanonical, type NonCanonicalKind } from './canonical-json.ts';
import { type JsonValue, MAX_JSON_DEPTH, NonCanonicalToken } from './json.ts';

/** What the parsers throw, and all they throw. `syntax` is `M_NOT_JSON` to a client, the rest `M_BAD_JSON`. */
export class JsonRefusal extends Error {
  readonly reason: 'syntax' | NonCanonicalKind;

  constructor(reason: JsonRefusal['reason'], message: string) {
    super(message);
    this.name = 'JsonRefusal';
    this.reason = reason;
  }
}

/** Parses a body that is not event content. Numbers are read as JavaScript reads them: `0.25` is fine, `1.0` is 1. */
export function parseJson(source: string | Uint8Array): JsonValue {
  const text = toText(source);
  if (scan(text).deep.length > 0) throw tooDeep();
  return parsePlain(text) as JsonValue;
}

/**
 * Parses a body that becomes event content. Refuses what no room version allows: halves of surrogate pairs, which have no
 * UTF-8 form. Numbers that are not canonical become tokens, and `hashAndSignEvent` refuses them where the room version does.
 */
export function parseEventContent(source: string | Uint8Array): JsonValue {
  const text = toText(source);
  const found = scan(text);
  if (found.deep.length > 0) throw tooDeep();
  const value = found.oddNumbers ? parseWithTokens(text) : parsePlain(text);
  const fault = findNonCanonical(value, { looseNumbers: true });
  if (fault) throw new JsonRefusal(fault.kind, fault.reason);
  return value as JsonValue;
}

/**
 * Parses what a peer sent: a transaction, or an answer with many events. Where an event holds a number that is not canonical
 * or nests too deeply, the tree gets a `NonCanonicalToken`, and `checkEventFormat` then refuses that event alone.
 */
export function parsePeerJson(source: string | Uint8Array): unknown {
  const text = toText(source);
  const found = scan(text);
  if (!found.oddNumbers && found.deep.length === 0) return parsePlain(text);
  return parseWithTokens(cutOut(text, found.deep));
}

/** Where canonical JSON may hold a number that is not canonical, which in strings of it does no harm. */
const ODD_NUMBER = /[:,[](?:-0|-?\d+[.eE]|-?\d{16})/;

/** Parses canonical JSON text that was stored: all numbers come back as they were stored. */
export function parseStoredJson(text: string): JsonValue {
  return (ODD_NUMBER.test(text) ? parsePeerJson(text) : JSON.parse(text)) as JsonValue;
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function toText(source: string | Uint8Array): string {
  if (typeof source === 'string') return source;
  try {
    return DECODER.decode(source);
  } catch {
    throw new JsonRefusal('syntax', 'The body is not UTF-8.');
  }
}

function tooDeep(): JsonRefusal {
  return new JsonRefusal('depth', `The JSON is nested more than ${MAX_JSON_DEPTH} levels deep.`);
}

interface Findings {
  /** Start and end of every part that nests too deeply. */
  readonly deep: readonly (readonly [start: number, end: number])[];
  /** Whether a number may be anything but a canonical integer. */
  readonly oddNumbers: boolean;
}

/**
 * A part with too deep nesting is cut out from this level on. No envelope holds its events as deep as that, and a part has to
 * be long to reach from here to the limit, so that there are never many of them.
 */
const CUT_DEPTH = 10;

/** One pass over the text, without recursion, that finds what `JSON.parse` alone would not notice. */
function scan(text: string): Findings {
  const deep: [number, number][] = [];
  let depth = 0;
  let start = 0;
  let tooDeepSince = false;
  let oddNumbers = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = endOfString(text, i);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth++;
      if (depth === CUT_DEPTH) start = i;
      if (depth > MAX_JSON_DEPTH) tooDeepSince = true;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === CUT_DEPTH && tooDeepSince) {
        deep.push([start, i + 1]);
        tooDeepSince = false;
      }
      depth--;
    } else if (code === MINUS || isDigit(code)) {
      const end = endOfNumber(text, i);
      if (!isCanonicalNumber(text.slice(i, end))) oddNumbers = true;
      i = end - 1;
    }
  }
  // Brackets that are never closed: no parser need see such a text.
  if (tooDeepSince) throw new JsonRefusal('syntax', 'The body is not JSON.');
  return { deep, oddNumbers };
}

const QUOTE = 0x22;
const MINUS = 0x2d;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Index of the quote that ends the string whose opening quote is at `start`; the text's length if there is none. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

/** Index after the characters of which a number may consist: digits and `+ - . E e`. */
function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (!isDigit(code) && code !== 0x2b && code !== MINUS && code !== 0x2e && code !== 0x45 && code !== 0x65) break;
  }
  return end;
}

/** Whether canonical JSON would write the number as it was sent. Leading zeros are left to `JSON.parse`. */
function isCanonicalNumber(token: string): boolean {
  const negative = token.charCodeAt(0) === MINUS;
  for (let i = negative ? 1 : 0; i < token.length; i++) {
    if (!isDigit(token.charCodeAt(i))) return false;
  }
  if (negative && token.charCodeAt(1) === 0x30) return false;
  return token.length < 16 || Number.isSafeInteger(Number(token));
}

/** A number that no encoder writes. A peer that sends it itself loses no more than the event that holds it. */
const CUT = '-0e0';

/** The text with each too deep part replaced by `CUT`. Their syntax does not matter: their event is refused anyway. */
function cutOut(text: string, parts: Findings['deep']): string {
  let kept = '';
  let from = 0;
  for (const [start, end] of parts) {
    kept += text.slice(from, start) + CUT;
    from = end;
  }
  return kept + text.slice(from);
}

function parsePlain(text: string): unknown {
  return withoutPrototypes(parse(text));
}

/** The reviver sees each number as it was sent, but makes parsing several times slower: only for texts that need it. */
function parseWithTokens(text: string): unknown {
  return parse(text, (_key, value, context) => {
    if (typeof value === 'number') {
      const { source = '' } = context;
      if (source === CUT) return new NonCanonicalToken('depth', '');
      return isCanonicalNumber(source) ? value : new NonCanonicalToken('number', source);
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NonCanonicalToken)) {
      Object.setPrototypeOf(value, null);
    }
    return value;
  });
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

function parse(text: string, reviver?: Reviver): unknown {
  try {
    return JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch (error) {
    if (error instanceof SyntaxError) throw new JsonRefusal('syntax', 'The body is not JSON.');
    throw error;
  }
}

/** Takes the prototype of every object away, in place. Recursion is safe: the depth has been checked. */
function withoutPrototypes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const item of value) withoutPrototypes(item);
    return value;
  }
  Object.setPrototypeOf(value, null);
  for (const key in value) withoutPrototypes((value as Record<string, unknown>)[key]);
  return value;
}
