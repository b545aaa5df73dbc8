import type { ServerName } from '../protocol/event.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { badAnswer } from './federation-error.ts';

/**
 * An event as another server sent it: a parsed JSON object about which nothing has been checked. It may hold
 * `NonCanonicalToken`s. Only admission makes an event of it.
 */
export type UnverifiedPdu = JsonObject;

/** Reads parts of an answer and fails with a `FederationError` that names what is missing. */
export interface AnswerReader {
  object(value: unknown, what: string): JsonObject;
  objects(value: unknown, what: string): JsonObject[];
  string(value: unknown, what: string): string;
  strings(value: unknown, what: string): string[];
  integer(value: unknown, what: string): number;
}

export function answerReader(destination: ServerName): AnswerReader {
  const fail = (what: string, should: string): never => {
    throw badAnswer(destination, `${what} is not ${should}`);
  };
  return {
    object: (value, what) => (isJsonObject(value) ? value : fail(what, 'an object')),
    objects: (value, what) =>
      Array.isArray(value) && value.every(isJsonObject) ? value : fail(what, 'a list of objects'),
    string: (value, what) => (typeof value === 'string' ? value : fail(what, 'a string')),
    strings: (value, what) =>
      Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : fail(what, 'a list of strings'),
    integer: (value, what) => (Number.isSafeInteger(value) ? (value as number) : fail(what, 'an integer')),
  };
}

/**
 * The events in a list. What is no object at all, which a `NonCanonicalToken` may stand for, is left out: one bad event must
 * not spoil the others.
 */
export function pdusOf(destination: ServerName, value: unknown, what: string): UnverifiedPdu[] {
  if (!Array.isArray(value)) throw badAnswer(destination, `${what} is not a list`);
  return value.filter(isJsonObject);
}
