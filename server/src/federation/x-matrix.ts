import type { Clock } from '../base/clock.ts';
import { canonicalJson, isCanonical } from '../protocol/canonical-json.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { ServerName } from '../protocol/event.ts';
import { isServerName } from '../protocol/identifiers.ts';
import { type SigningKey, verifySignature } from '../protocol/signing.ts';
import type { KeyRing } from './key-ring.ts';

/** What the signature of a request covers (Server-Server API, "Request Authentication"). */
interface SignedParts {
  readonly method: string;
  /** Request target: path and query exactly as sent. */
  readonly uri: string;
  readonly origin: ServerName;
  /** Left out by servers from before version 1.3 of the specification. */
  readonly destination: ServerName | undefined;
  /** The body as JSON text, undefined where there is none. */
  readonly content: string | undefined;
}

function signedBytes({ method, uri, origin, destination, content }: SignedParts): Buffer {
  // The keys stand in canonical order, and the content is spliced in as it is: on the way out it is canonical, on the way in
  // it is what was signed if the signature holds.
  const parts = [
    ...(content === undefined ? [] : [`"content":${content}`]),
    ...(destination === undefined ? [] : [`"destination":${canonicalJson(destination)}`]),
    `"method":${canonicalJson(method)}`,
    `"origin":${canonicalJson(origin)}`,
    `"uri":${canonicalJson(uri)}`,
  ];
  return Buffer.from(`{${parts.join(',')}}`);
}

/**
 * The `Authorization` header of a request to another server.
 * @param parts `content` must be canonical JSON
 */
export function authorizationHeader(parts: SignedParts & { destination: ServerName }, key: SigningKey): string {
  const signature = key.sign(signedBytes(parts));
  return `X-Matrix origin="${parts.origin}",destination="${parts.destination}",key="${key.keyId}",sig="${signature}"`;
}

// RFC 9110, 5.6.2, and a colon, which older servers do not quote.
const VALUE = /[!#$%&'*+\-.^_`|~0-9A-Za-z:]+/y;
const NAME = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
// RFC 9110, 5.6.4.
const QUOTED = /"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"/y;
const EQUALS = /[\t ]*=[\t ]*/y;
const COMMAS = /[\t ]*(?:,[\t ]*)*/y;

/**
 * Reads the parameters of an `X-Matrix` authorization header by the grammar of RFC 9110, 11.4. Names are lower-cased. Answers
 * undefined for another scheme, for anything that breaks the grammar and for repeated names.
 */
export function parseAuthorization(header: string): ReadonlyMap<string, string> | undefined {
  const scheme = /^X-Matrix +/i.exec(header);
  if (scheme === null) return undefined;
  let at = scheme[0].length;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  const parameters = new Map<string, string>();
  take(COMMAS);
  while (at < header.length) {
    const name = take(NAME)?.[0].toLowerCase();
    if (name === undefined || parameters.has(name) || take(EQUALS) === null) return undefined;
    const value = take(QUOTED)?.[1]?.replaceAll(/\\(.)/gs, '$1') ?? take(VALUE)?.[0];
    if (value === undefined) return undefined;
    parameters.set(name, value);
    const separator = take(COMMAS)?.[0] ?? '';
    if (at < header.length && !separator.includes(',')) return undefined;
  }
  return parameters;
}

/** An incoming request as far as its signature is concerned. */
export interface IncomingRequest {
  readonly method: string;
  /** Request target exactly as on the wire, undecoded. */
  readonly uri: string;
  readonly authorization: string | undefined;
  /** Bytes of the body, undefined or empty where there is none. */
  readonly rawBody: Uint8Array | undefined;
  /** The body as parsed from the same bytes. */
  readonly body: unknown;
}

export interface ServerAuthenticatorOptions {
  readonly serverName: ServerName;
  readonly keyRing: KeyRing;
  readonly clock: Clock;
  /** Told of each server that has proven to be there. */
  readonly heardFrom: (server: ServerName) => Promise<void>;
}

function refuse(message: string): MatrixError {
  return new MatrixError('M_UNAUTHORIZED', message, 401);
}

/**
 * Makes the function that checks who sent a request: it answers the server whose valid signature the request carries, and
 * throws 401 `M_UNAUTHORIZED` for all others.
 */
export function createServerAuthenticator(
  options: ServerAuthenticatorOptions,
): (request: IncomingRequest) => Promise<ServerName> {
  const { serverName, keyRing, clock, heardFrom } = options;
  return async (request) => {
    if (request.authorization === undefined) throw refuse('The request is not signed.');
    const parameters = parseAuthorization(request.authorization);
    if (parameters === undefined) throw refuse('The authorization header is not a valid X-Matrix header.');
    const origin = parameters.get('origin');
    const destination = parameters.get('destination');
    const keyId = parameters.get('key');
    const signature = parameters.get('sig') ?? parameters.get('signature');
    if (!isServerName(origin) || keyId === undefined || signature === undefined)
      throw refuse('The authorization header lacks origin, key or sig.');
    if (destination !== undefined && destination !== serverName) throw refuse('The request is for another server.');
    if (origin === serverName) throw refuse('The request claims to come from this server itself.');

    const now = clock.now();
    const keys = await keyRing.fetch([{ serverName: origin, keyId, validAt: now }]);
    const publicKey = keys.get(origin, keyId, now);
    if (publicKey === undefined) throw refuse(`No valid key ${keyId} of ${origin} is known.`);
    const { method, uri, body } = request;
    const isSigned = (content: string | undefined) =>
      verifySignature(signedBytes({ method, uri, origin, destination, content }), signature, publicKey);
    const raw = textOf(request.rawBody);
    // The body as it came is what most servers signed, and may hold what our canonical JSON refuses. Others sign the
    // canonical form and send another.
    if (!isSigned(raw) && !(raw !== undefined && isCanonical(body) && isSigned(canonicalJson(body))))
      throw refuse('The signature of the request is wrong.');
    await heardFrom(origin);
    return origin;
  };
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
