import type { Readable } from 'node:stream';
import { OutboundError } from '../base/outbound-error.ts';
import type { OutboundAnswer } from '../base/outbound-http.ts';
import type { ServerName } from '../protocol/event.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { JsonRefusal, parsePeerJson } from '../protocol/json-parser.ts';
import type { SigningKey } from '../protocol/signing.ts';
import type { DestinationBackoff } from './destination-backoff.ts';
import { backingOff, badAnswer, failedExchange, refusedBy } from './federation-error.ts';
import type { PeerRequest, PeerTransport } from './peer-transport.ts';
import { authorizationHeader } from './x-matrix.ts';

/** What a caller may say about any request to another server. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Time to the last byte of the answer, in milliseconds; else the usual one of the call. */
  readonly deadlineMs?: number | undefined;
  /** Try even if the server failed lately: for what a person is waiting for. */
  readonly ignoreBackoff?: boolean | undefined;
  /** Whether there is an outage of the server, where the caller has seen to that itself; it is then not looked up. */
  readonly knownOutage?: boolean | undefined;
}

export interface SignedRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** Path and query, with everything escaped that has to be. */
  readonly path: string;
  /** Canonical JSON text of the body. */
  readonly content?: string;
  readonly maxBytes: number;
  readonly deadlineMs: number;
  readonly options?: CallOptions | undefined;
}

/** Signed requests to other servers. All failures are `FederationError`s. */
export interface SignedRequests {
  /** Answers the parsed JSON of an answer with status 200; parts that no event may hold stand as `NonCanonicalToken`s. */
  json(destination: ServerName, request: SignedRequest): Promise<unknown>;
  /** Answers an answer with status 200 as soon as its headers are in. */
  stream(destination: ServerName, request: SignedRequest): Promise<OutboundAnswer<Readable>>;
}

const MAX_ERROR_BYTES = 64 * 1024;
/** Failures that say nothing about whether the server is there. */
const NO_OUTAGE = new Set(['aborted', 'overloaded', 'too_large']);
/** What proxies answer when the server behind them is away. */
const AWAY = new Set([502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530]);

export function createSignedRequests(options: {
  readonly serverName: ServerName;
  readonly signingKey: SigningKey;
  readonly transport: PeerTransport;
  readonly backoff: DestinationBackoff;
}): SignedRequests {
  const { serverName, signingKey, transport, backoff } = options;

  function peerRequest(destination: ServerName, request: SignedRequest): PeerRequest {
    const { method, path, content, maxBytes } = request;
    return {
      path,
      method,
      headers: {
        authorization: authorizationHeader({ method, uri: path, origin: serverName, destination, content }, signingKey),
        ...(content === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(content === undefined ? {} : { body: content }),
      maxBytes,
      deadlineMs: request.options?.deadlineMs ?? request.deadlineMs,
      ...(request.options?.signal === undefined ? {} : { signal: request.options.signal }),
    };
  }

  async function exchange<Body extends Buffer | Readable>(
    destination: ServerName,
    request: SignedRequest,
    send: (request: PeerRequest) => Promise<OutboundAnswer<Body>>,
    readError: (body: Body) => Promise<Buffer>,
  ): Promise<OutboundAnswer<Body>> {
    const { ignoreBackoff = false, knownOutage } = request.options ?? {};
    const outage = knownOutage === undefined ? await backoff.outage(destination) : undefined;
    if (outage !== undefined && outage.waitMs > 0 && !ignoreBackoff) throw backingOff(destination);
    let answer: OutboundAnswer<Body>;
    let refusal: unknown;
    try {
      answer = await send(peerRequest(destination, request));
      if (answer.status !== 200) refusal = parseAny(await readError(answer.body));
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      if (!NO_OUTAGE.has(error.kind)) await backoff.failed(destination);
      throw failedExchange(destination, error);
    }
    if (AWAY.has(answer.status) && !(isJsonObject(refusal) && typeof refusal.errcode === 'string'))
      await backoff.failed(destination);
    else if (knownOutage ?? outage !== undefined) await backoff.succeeded(destination);
    if (answer.status !== 200) throw refusedBy(destination, answer.status, refusal);
    return answer;
  }

  return {
    async json(destination, request) {
      const answer = await exchange(
        destination,
        request,
        (sent) => transport.request(destination, sent),
        async (body) => body,
      );
      try {
        return parsePeerJson(answer.body);
      } catch (error) {
        if (error instanceof JsonRefusal) throw badAnswer(destination, 'it is not JSON');
        throw error;
      }
    },
    stream: (destination, request) =>
      exchange(destination, request, (sent) => transport.stream(destination, sent), firstBytes),
  };
}

/** The parsed JSON, or undefined for what is none: error pages of proxies. */
function parseAny(body: Buffer): unknown {
  try {
    return parsePeerJson(body);
  } catch (error) {
    if (error instanceof JsonRefusal) return undefined;
    throw error;
  }
}

/** The body of an error, as far as an error needs one. */
async function firstBytes(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/** Reads an answer that must be a JSON object. */
export function asObject(destination: ServerName, value: unknown): JsonObject {
  if (!isJsonObject(value)) throw badAnswer(destination, 'it is not a JSON object');
  return value;
}
