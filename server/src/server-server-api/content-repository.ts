/**
 * Content repository (Server-Server API, "Content Repository").
 *
 * GET /_matrix/federation/v1/media/download/{mediaId}
 * GET /_matrix/federation/v1/media/thumbnail/{mediaId}
 *
 * Only our own media are served. Nothing is fetched from elsewhere for a peer, so requests cannot go round in circles.
 */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { type FederationRoute, federationRoute, type RouteRequest } from '../http/route.ts';
import { contentHeaders, MEDIA_REPLY_HEADERS, thumbnailHeaders } from '../media/media-headers.ts';
import type { MediaRepository } from '../media/media-repository.ts';

const DownloadQuery = Type.Object({ timeout_ms: Type.Optional(Type.Integer({ minimum: 0 })) });
const ThumbnailQuery = Type.Object({
  width: Type.Integer({ minimum: 1 }),
  height: Type.Integer({ minimum: 1 }),
  method: Type.Optional(Type.Union([Type.Literal('crop'), Type.Literal('scale')])),
  animated: Type.Optional(Type.Boolean()),
  timeout_ms: Type.Optional(Type.Integer({ minimum: 0 })),
});

const DEFAULT_WAIT_MS = 20_000;
const TIMEOUT_MS = 90_000;

/** Answers with two parts: metadata, of which the spec has none yet, and the content (RFC 2046, section 5.1). */
async function sendMultipart(
  request: RouteRequest,
  media: MediaRepository,
  content: { readonly sha256: Buffer; readonly sizeBytes: number },
  headers: Record<string, string>,
): Promise<unknown> {
  const boundary = randomUUID();
  const described = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const before = Buffer.from(
    `--${boundary}\r\ncontent-type: application/json\r\n\r\n{}\r\n--${boundary}\r\n${described.join('')}\r\n`,
  );
  const after = Buffer.from(`\r\n--${boundary}--\r\n`);
  const stream = await media.read(content);
  async function* body() {
    yield before;
    yield* stream;
    yield after;
  }
  return await request.reply
    .header('content-type', `multipart/mixed; boundary=${boundary}`)
    .header('content-length', before.length + content.sizeBytes + after.length)
    .send(Readable.from(body(), { objectMode: false }));
}

export function contentRepositoryRoutes(media: MediaRepository): FederationRoute[] {
  const route = {
    method: 'GET',
    auth: 'x_matrix',
    serverAcl: 'none',
    inRoom: 'none',
    rateLimit: 'federation',
    timeoutMs: TIMEOUT_MS,
    replyHeaders: MEDIA_REPLY_HEADERS,
  } as const;
  const find = ({ params, query, signal }: RouteRequest<unknown, { timeout_ms?: number }>) =>
    media.find({
      serverName: media.serverName,
      mediaId: params.mediaId ?? '',
      timeoutMs: query.timeout_ms ?? DEFAULT_WAIT_MS,
      sender: undefined,
      signal,
    });
  return [
    federationRoute({
      ...route,
      path: '/_matrix/federation/v1/media/download/{mediaId}',
      query: DownloadQuery,
      async handle(request) {
        const medium = await find(request);
        return await sendMultipart(request, media, medium, contentHeaders(medium));
      },
    }),
    federationRoute({
      ...route,
      path: '/_matrix/federation/v1/media/thumbnail/{mediaId}',
      query: ThumbnailQuery,
      async handle(request) {
        const { width, height, method = 'scale', animated = false } = request.query;
        const thumbnail = await media.thumbnail(await find(request), { width, height, method, animated });
        return await sendMultipart(request, media, thumbnail, thumbnailHeaders(thumbnail.contentType));
      },
    }),
  ];
}
