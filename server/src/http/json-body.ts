import { badJson, MatrixError, notJson } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/json.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Deepest nesting that a request body may have where its route does not say otherwise. */
export const DEFAULT_BODY_DEPTH = 100;

/**
 * Refuses a body that is announced as something else than JSON, before a byte of it is read (A6.5, A10.1). A missing
 * content type is accepted, as the spec asks for.
 */
export function requireJsonContentType(contentType: string | undefined): void {
  if (contentType === undefined) return;
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json')
    throw new MatrixError('M_NOT_JSON', 'The request body must be sent as application/json.', 415);
}

/** Parses a request body: strict UTF-8, bounded depth, every key plain data. */
export function parseJsonBody(bytes: Uint8Array, maxDepth = DEFAULT_BODY_DEPTH): JsonValue {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    // TypeError is the decoder's only failure: the bytes are not UTF-8.
    throw notJson('The request body is not UTF-8.');
  }
  if (nesting(text) > maxDepth) throw badJson(`The request body is nested deeper than ${maxDepth} levels.`);
  try {
    return JSON.parse(text, (_key, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.defineProperties(Object.create(null), Object.getOwnPropertyDescriptors(value))
        : value,
    );
  } catch (error) {
    if (error instanceof SyntaxError) throw notJson();
    throw error;
  }
}

function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return deepest;
}
