/**
 * Canonical JSON (specification, "Appendices", "Canonical JSON"): the bytes that are hashed, signed and stored.
 *
 * Each number is checked before it is written, because floats have no canonical form; in room versions before 6 they are
 * written as they were sent.
 */

import { type JsonObject, type JsonValue, MAX_JSON_DEPTH, NonCanonicalToken } from './json.ts';

export type NonCanonicalKind = 'number' | 'depth' | 'surrogate' | 'type';

export interface NonCanonical {
  /** Where it was found, such as `content.info.h` or `prev_events.0`; empty for the value itself. */
  readonly path: string;
  readonly kind: NonCanonicalKind;
  /** One sentence, for error messages. */
  readonly reason: string;
}

/** Thrown by `canonicalJson` for a value that has no canonical form. For values that were checked before, it is a bug. */
export class NonCanonicalError extends Error {
  readonly fault: NonCanonical;

  constructor(fault: NonCanonical) {
    super(fault.path === '' ? fault.reason : `${fault.path}: ${fault.reason}`);
    this.name = 'NonCanonicalError';
    this.fault = fault;
  }
}

/**
 * The canonical JSON of the value. Keys whose value is `undefined` are left out. Tokens of numbers are written as they were
 * sent: whether there may be any is for `checkEventFormat` to decide. Throws `NonCanonicalError`.
 */
export function canonicalJson(value: JsonValue): string {
  const text = write(value, MAX_JSON_DEPTH, true);
  if (text !== undefined) return text;
  const fault = findNonCanonical(value, { looseNumbers: true });
  throw new NonCanonicalError(fault ?? { path: '', kind: 'type', reason: 'A value is no JSON.' });
}

/** `undefined` for what has no canonical form: which part that is, and why, `findNonCanonical` says. */
function write(value: unknown, depth: number, loose: boolean): string | undefined {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? `${value}` : undefined;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (value instanceof NonCanonicalToken)
        return loose && value.reason === 'number' ? JSON.stringify(value) : undefined;
      if (depth === 0) return undefined;
      return Array.isArray(value) ? writeArray(value, depth - 1, loose) : writeObject(value, depth - 1, loose);
    default:
      return undefined;
  }
}

/** Strings are canonical as `JSON.stringify` writes them once they are well-formed. Most need no escape: quotes are enough. */
function writeString(text: string): string | undefined {
  if (PLAIN.test(text)) return `"${text}"`;
  return text.isWellFormed() ? JSON.stringify(text) : undefined;
}

const PLAIN = /^[ !#-[\]-~]*$/;

function writeArray(array: readonly unknown[], depth: number, loose: boolean): string | undefined {
  let text = '[';
  for (let i = 0; i < array.length; i++) {
    const item = write(array[i], depth, loose);
    if (item === undefined) return undefined;
    text += i === 0 ? item : `,${item}`;
  }
  return `${text}]`;
}

function writeObject(object: object, depth: number, loose: boolean): string | undefined {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== null && prototype !== Object.prototype) return undefined;
  let text = '{';
  for (const key of sortedKeys(object)) {
    const value = (object as Record<string, unknown>)[key];
    if (value === undefined) continue;
    const member = writeMember(key, value, depth, loose);
    if (member === undefined) return undefined;
    text += text === '{' ? member : `,${member}`;
  }
  return `${text}}`;
}

function writeMember(key: string, value: unknown, depth: number, loose: boolean): string | undefined {
  const [name, text] = [writeString(key), write(value, depth, loose)];
  return name === undefined || text === undefined ? undefined : `${name}:${text}`;
}

/** In the order of code points, which for most keys is the one in which JavaScript sorts. */
function sortedKeys(object: object): string[] {
  const keys = Object.keys(object);
  for (let i = 1; i < keys.length; i++) {
    if ((keys[i - 1] as string) > (keys[i] as string)) {
      keys.sort();
      break;
    }
  }
  return keys.some((key) => BEYOND_SURROGATES.test(key)) ? keys.sort(compareByCodePoint) : keys;
}

/** Units from the first surrogate on, where the two orders differ. */
const BEYOND_SURROGATES = /[\ud800-\uffff]/;

/** The UTF-8 bytes of `canonicalJson(value)`. */
export function canonicalJsonBytes(value: JsonValue): Buffer {
  return Buffer.from(canonicalJson(value));
}

export interface CanonicalLimits {
  readonly maxDepth?: number;
  /** Whether tokens of numbers are let through, as in room versions before 6. */
  readonly looseNumbers?: boolean;
}

/** What the canonical JSON of an object consists of: by key, in its order, each key with its value, such as `"depth":7`. */
export type CanonicalMembers = ReadonlyMap<string, string>;

/** The members of an object that may be part of an event; `undefined` where `findNonCanonical` finds something. */
export function canonicalMembers(
  object: JsonObject,
  { maxDepth = MAX_JSON_DEPTH, looseNumbers = false }: CanonicalLimits = {},
): CanonicalMembers | undefined {
  const members = new Map<string, string>();
  for (const key of sortedKeys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    const text = writeMember(key, value, maxDepth - 1, looseNumbers);
    if (text === undefined) return undefined;
    members.set(key, text);
  }
  return members;
}

/** The canonical JSON of an object of these members, which come in the order of their keys. */
export function joinMembers(texts: Iterable<string>): string {
  return `{${[...texts].join(',')}}`;
}

/**
 * The first thing in the value that canonical JSON forbids: a number other than an integer within ±(2^53-1), `-0`, half of a
 * surrogate pair, more than `maxDepth` levels of nesting, or what is no JSON at all. `undefined` when there is none.
 */
export function findNonCanonical(
  value: unknown,
  { maxDepth = MAX_JSON_DEPTH, looseNumbers = false }: CanonicalLimits = {},
): NonCanonical | undefined {
  return find(value, maxDepth, looseNumbers);
}

function find(value: unknown, depth: number, loose: boolean): NonCanonical | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : fault('surrogate', 'A string holds half of a surrogate pair.');
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? undefined
        : fault('number', 'A number is not an integer within ±(2^53-1).');
    case 'boolean':
      return undefined;
    case 'object':
      if (value === null) return undefined;
      return Array.isArray(value) ? findInArray(value, depth, loose) : findInObject(value, depth, loose);
    default:
      return fault('type', `A value is no JSON but ${typeof value}.`);
  }
}

/** Whether the value may be part of an event: `findNonCanonical` finds nothing. */
export function isCanonical(value: unknown): value is JsonValue {
  return findNonCanonical(value) === undefined;
}

/** Order of keys in canonical JSON. */
export function compareByCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** UTF-16 units sort like code points but for surrogates, which stand for what comes after U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function fault(kind: NonCanonicalKind, reason: string, path = ''): NonCanonical {
  return { path, kind, reason };
}

function findInArray(array: readonly unknown[], depth: number, loose: boolean): NonCanonical | undefined {
  if (depth === 0) return fault('depth', 'The nesting is too deep.');
  for (let i = 0; i < array.length; i++) {
    const found = find(array[i], depth - 1, loose);
    if (found) return below(String(i), found);
  }
  return undefined;
}

function findInObject(object: object, depth: number, loose: boolean): NonCanonical | undefined {
  if (object instanceof NonCanonicalToken) {
    if (object.reason === 'depth') return fault('depth', 'The nesting is too deep.');
    return loose
      ? undefined
      : fault('number', `A number is not an integer within ±(2^53-1): ${object.source.slice(0, 32)}.`);
  }
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== null && prototype !== Object.prototype) return fault('type', 'A value is no JSON but an instance.');
  if (depth === 0) return fault('depth', 'The nesting is too deep.');
  for (const key of Object.keys(object)) {
    const value = (object as Record<string, unknown>)[key];
    if (value === undefined) continue;
    const found = key.isWellFormed()
      ? find(value, depth - 1, loose)
      : fault('surrogate', 'A key holds half of a surrogate pair.');
    if (found) return below(key, found);
  }
  return undefined;
}

function below(key: string, found: NonCanonical): NonCanonical {
  return { ...found, path: found.path === '' ? key : `${key}.${found.path}` };
}
