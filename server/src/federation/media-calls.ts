import { Readable } from 'node:stream';
import { OutboundError } from '../base/outbound-error.ts';
import { endpointOf, type OutboundAnswer, type OutboundHttp } from '../base/outbound-http.ts';
import { MatrixError, notFound } from '../protocol/errors.ts';
import type { ServerName } from '../protocol/event.ts';
import { parseServerName } from '../protocol/identifiers.ts';
import { badAnswer, FederationError, failedExchange, refusedBy } from './federation-error.ts';
import { MultipartError, multipartBoundary, readMultipart } from './multipart.ts';
import type { PeerTransport } from './peer-transport.ts';
import { federationPath, withQuery } from './request-path.ts';
import type { CallOptions, SignedRequests } from './signed-request.ts';

const DEADLINE_MS = 300_000;
const MAX_METADATA_BYTES = 64 * 1024;
/** Multipart headers and metadata that come on top of the file. */
const ENVELOPE_BYTES = 128 * 1024;
const MAX_REDIRECTS = 5;
const MEDIA_ID = /^[A-Za-z0-9_-]{1,255}$/;

/** A file of another server. */
export interface RemoteMedia {
  /** Must be read or destroyed. Fails with a `FederationError` past the size limit, past the deadline, or cut short. */
  readonly body: Readable;
  /** As the peer says; nothing about it has been checked. */
  readonly contentType: string | undefined;
  readonly contentDisposition: string | undefined;
  readonly contentLength: number | undefined;
}

export interface MediaRequest {
  readonly mediaId: string;
  /** How long the peer may wait for an upload that was announced, in milliseconds. */
  readonly timeoutMs?: number;
  /** Largest file. */
  readonly maxBytes: number;
}

export interface ThumbnailRequest extends MediaRequest {
  readonly width: number;
  readonly height: number;
  readonly method?: 'crop' | 'scale';
  readonly animated?: boolean;
}

/** The content repository of other servers (Server-Server API, "Content Repository"). */
export interface MediaCalls {
  /**
   * GET /_matrix/federation/v1/media/download/{mediaId}; from servers that do not know it, the deprecated
   * GET /_matrix/media/v3/download. A redirect to where the file is has been followed.
   */
  mediaDownload(destination: ServerName, request: MediaRequest, options?: CallOptions): Promise<RemoteMedia>;
  /** GET /_matrix/federation/v1/media/thumbnail/{mediaId}, likewise. */
  mediaThumbnail(destination: ServerName, request: ThumbnailRequest, options?: CallOptions): Promise<RemoteMedia>;
}

export interface MediaParts {
  readonly requests: SignedRequests;
  readonly transport: PeerTransport;
  readonly http: OutboundHttp;
}

/** What all steps of fetching one file need. */
interface Fetch {
  readonly destination: ServerName;
  readonly maxBytes: number;
  readonly deadlineMs: number;
  readonly signal: { readonly signal?: AbortSignal };
}

export function mediaCalls(parts: MediaParts): MediaCalls {
  return {
    mediaDownload: (destination, request, call) =>
      fetchMedia(parts, destination, 'download', request, { timeout_ms: request.timeoutMs }, call),
    mediaThumbnail: (destination, request, call) => {
      const { width, height, method, animated, timeoutMs } = request;
      const query = { width, height, method, animated, timeout_ms: timeoutMs };
      return fetchMedia(parts, destination, 'thumbnail', request, query, call);
    },
  };
}

async function fetchMedia(
  parts: MediaParts,
  destination: ServerName,
  kind: 'download' | 'thumbnail',
  request: MediaRequest,
  query: Parameters<typeof withQuery>[1],
  call: CallOptions | undefined,
): Promise<RemoteMedia> {
  const { mediaId, maxBytes } = request;
  if (!MEDIA_ID.test(mediaId)) throw notFound('There is no medium with such an id.');
  const deadlineMs = call?.deadlineMs ?? DEADLINE_MS;
  const fetch = { destination, maxBytes, deadlineMs, signal: signalOf(call) };
  try {
    const answer = await parts.requests.stream(destination, {
      method: 'GET',
      path: withQuery(federationPath('v1', 'media', kind, mediaId), query),
      maxBytes: maxBytes + ENVELOPE_BYTES,
      deadlineMs,
      options: call,
    });
    return await readAnswer(parts.http, fetch, answer);
  } catch (error) {
    if (!isUnknownEndpoint(error)) throw asMediaFailure(destination, error);
  }
  const path = withQuery(`/_matrix/media/v3/${kind}/${encodeURIComponent(destination)}/${mediaId}`, {
    ...query,
    allow_remote: false,
  });
  return await unsigned(fetch, () =>
    parts.transport.stream(destination, { path, maxBytes, deadlineMs, ...fetch.signal }),
  );
}

/** A file that is the whole body of an answer which nobody had to sign for. */
async function unsigned(
  { destination, maxBytes }: Fetch,
  send: () => Promise<OutboundAnswer<Readable>>,
): Promise<RemoteMedia> {
  try {
    const { status, headers, body } = await send();
    if (status !== 200) {
      body.on('error', () => {}).destroy();
      throw refusedBy(destination, status, status === 404 ? { errcode: 'M_NOT_FOUND' } : undefined);
    }
    return remoteMedia(destination, headers, body, maxBytes, body);
  } catch (error) {
    throw asMediaFailure(destination, error);
  }
}

/** The file in the second part of the answer, or where that part says it is. */
async function readAnswer(http: OutboundHttp, fetch: Fetch, answer: OutboundAnswer<Readable>): Promise<RemoteMedia> {
  const { destination, maxBytes, deadlineMs, signal } = fetch;
  try {
    const boundary = multipartBoundary(answer.headers.get('content-type'));
    if (boundary === undefined) throw badAnswer(destination, 'it is not multipart/mixed');
    const parts = readMultipart(answer.body, boundary);
    const metadata = (await parts.next()).value;
    if (metadata === undefined) throw badAnswer(destination, 'it has no parts');
    await skip(metadata.content);
    const file = (await parts.next()).value;
    if (file === undefined) throw badAnswer(destination, 'it has no second part');
    const location = file.headers.get('location');
    if (location === undefined) return remoteMedia(destination, file.headers, answer.body, maxBytes, file.content);
    answer.body.on('error', () => {}).destroy();
    const to = endpointOf(location, parseServerName(destination)?.host);
    if (to.protocol !== 'https:') throw badAnswer(destination, 'it leads away from https');
    return await unsigned(fetch, () =>
      http.stream({ to, maxBytes, deadlineMs, maxRedirects: MAX_REDIRECTS, ...signal }),
    );
  } catch (error) {
    answer.body.on('error', () => {}).destroy();
    throw asMediaFailure(destination, error);
  }
}

function signalOf(call: CallOptions | undefined): { signal?: AbortSignal } {
  return call?.signal === undefined ? {} : { signal: call.signal };
}

/** Only this answer allows for the deprecated endpoints. */
function isUnknownEndpoint(error: unknown): boolean {
  return error instanceof FederationError && error.remote?.status === 404 && error.remote.errcode === 'M_UNRECOGNIZED';
}

/** The failure as a caller shall see it: of an exchange that broke, only whether the file was too large matters. */
function asMediaFailure(destination: ServerName, error: unknown): unknown {
  if (error instanceof MultipartError) return badAnswer(destination, error.message);
  const cause = error instanceof FederationError ? error.cause : error;
  if (!(cause instanceof OutboundError)) return error;
  if (cause.kind !== 'too_large') return failedExchange(destination, cause);
  const tooLarge = new MatrixError('M_TOO_LARGE', `The file on ${destination} is too large.`, 502);
  return new FederationError(destination, 'bad_answer', tooLarge, undefined, cause);
}

async function skip(content: AsyncIterable<Buffer>): Promise<void> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > MAX_METADATA_BYTES) throw new MultipartError('The metadata are too long.');
  }
}

function remoteMedia(
  destination: ServerName,
  headers: ReadonlyMap<string, string>,
  source: Readable,
  maxBytes: number,
  content: AsyncIterable<Buffer>,
): RemoteMedia {
  const length = headers.get('content-length');
  async function* bounded(): AsyncGenerator<Buffer> {
    let bytes = 0;
    try {
      for await (const chunk of content) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new OutboundError('too_large', `The file has more than ${maxBytes} bytes.`);
        yield chunk;
      }
    } catch (error) {
      throw asMediaFailure(destination, error);
    } finally {
      source.on('error', () => {}).destroy();
    }
  }
  const body = Readable.from(bounded(), { objectMode: false });
  // A body that is destroyed before anyone reads it never starts the generator.
  body.once('close', () => source.on('error', () => {}).destroy());
  return {
    body,
    contentType: headers.get('content-type'),
    contentDisposition: headers.get('content-disposition'),
    contentLength: length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
  };
}
