import { badJson, MatrixError, notJson } from '../protocol/errors.ts';
import { JsonRefusal } from '../protocol/json-parser.ts';

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

/** Parses a request body with one of the parsers of `protocol/json-parser.ts`; what they refuse becomes a 400. */
export function parseJsonBody(bytes: Uint8Array, parse: (bytes: Uint8Array) => unknown): unknown {
  try {
    return parse(bytes);
  } catch (error) {
    if (!(error instanceof JsonRefusal)) throw error;
    throw error.reason === 'syntax' ? notJson(error.message) : badJson(error.message);
  }
}
