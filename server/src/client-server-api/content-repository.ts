/**
 * Content repository (Client-Server API, "Content repository").
 *
 * POST /_matrix/media/v1/create
 * POST /_matrix/media/v3/upload
 * PUT  /_matrix/media/v3/upload/{serverName}/{mediaId}
 * GET  /_matrix/media/v3/{config,download,thumbnail}/… (deprecated)
 * GET  /_matrix/client/v1/media/{config,download,thumbnail}/…
 */
import type { Readable } from 'node:stream';
import { Type } from 'typebox';
import { addressBucket } from '../http/rate-limits.ts';
import { type ClientRoute, clientRoute, type Requester, type RouteRequest } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import { cleanFileName } from '../media/content-disposition.ts';
import { contentHeaders, MEDIA_REPLY_HEADERS, thumbnailHeaders } from '../media/media-headers.ts';
import type { Sender } from '../media/media-parts.ts';
import type { MediaRepository } from '../media/media-repository.ts';
import type { UploadBody } from '../media/uploads.ts';
import { notFound } from '../protocol/errors.ts';
import { sendContent } from './send-content.ts';

const UploadQuery = Type.Object({ filename: Type.Optional(boundedString(1024)) });
const DownloadQuery = Type.Object({ timeout_ms: Type.Optional(Type.Integer({ minimum: 0 })) });
const ThumbnailQuery = Type.Object({
  width: Type.Integer({ minimum: 1 }),
  height: Type.Integer({ minimum: 1 }),
  method: Type.Optional(Type.Union([Type.Literal('crop'), Type.Literal('scale')])),
  animated: Type.Optional(Type.Boolean()),
  timeout_ms: Type.Optional(Type.Integer({ minimum: 0 })),
});

const DEFAULT_WAIT_MS = 20_000;
const UPLOAD_TIMEOUT_MS = 3600_000;
/** A file may have to come from another server first. */
const DOWNLOAD_TIMEOUT_MS = 330_000;

type SignedIn<Query> = RouteRequest<unknown, Query> & { requester: Requester };

function senderOf(request: SignedIn<unknown>): Sender {
  return { userId: request.requester.userId, address: addressBucket(request.ip) };
}

function uploadBody(request: SignedIn<{ filename?: string }>): UploadBody {
  const { 'content-length': length, 'content-type': contentType } = request.headers;
  return {
    stream: request.stream as Readable,
    contentType: typeof contentType === 'string' ? contentType : undefined,
    fileName: request.query.filename,
    contentLength: typeof length === 'string' ? Number(length) : undefined,
  };
}

function mediumRequest(request: SignedIn<{ timeout_ms?: number }>) {
  const { serverName = '', mediaId = '' } = request.params;
  const timeoutMs = request.query.timeout_ms ?? DEFAULT_WAIT_MS;
  return { serverName, mediaId, timeoutMs, sender: senderOf(request), signal: request.signal };
}

function uploadRoutes(media: MediaRepository): ClientRoute[] {
  const upload = {
    auth: 'access_token',
    guests: false,
    rateLimit: 'media',
    body: 'stream',
    bodyLimitBytes: media.limits.maxUploadBytes,
    timeoutMs: UPLOAD_TIMEOUT_MS,
    query: UploadQuery,
    replyHeaders: MEDIA_REPLY_HEADERS,
  } as const;
  const uri = (mediaId: string) => `mxc://${media.serverName}/${mediaId}`;
  return [
    clientRoute({
      method: 'POST',
      path: '/_matrix/media/v1/create',
      auth: 'access_token',
      guests: false,
      rateLimit: 'media',
      replyHeaders: MEDIA_REPLY_HEADERS,
      async handle({ requester }) {
        const { mediaId, unusedExpiresAt } = await media.create(requester.userId);
        return { content_uri: uri(mediaId), unused_expires_at: unusedExpiresAt };
      },
    }),
    clientRoute({
      ...upload,
      method: 'POST',
      path: '/_matrix/media/v3/upload',
      async handle(request) {
        return { content_uri: uri(await media.upload(senderOf(request), uploadBody(request))) };
      },
    }),
    clientRoute({
      ...upload,
      method: 'PUT',
      path: '/_matrix/media/v3/upload/{serverName}/{mediaId}',
      async handle(request) {
        const { serverName, mediaId = '' } = request.params;
        if (serverName !== media.serverName) throw notFound('Only media ids of this server can be uploaded to.');
        await media.uploadTo(senderOf(request), mediaId, uploadBody(request));
        return {};
      },
    }),
  ];
}

function downloadRoutes(media: MediaRepository): ClientRoute[] {
  const read = {
    method: 'GET',
    auth: 'access_token',
    guests: true,
    rateLimit: 'media',
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
    replyHeaders: MEDIA_REPLY_HEADERS,
  } as const;
  const download = async (request: SignedIn<{ timeout_ms?: number }>) => {
    const medium = await media.find(mediumRequest(request));
    const fileName = cleanFileName(request.params.fileName) ?? medium.fileName;
    return await sendContent(request, media, medium, contentHeaders({ ...medium, fileName }));
  };
  return [
    clientRoute({
      ...read,
      path: '/_matrix/client/v1/media/download/{serverName}/{mediaId}',
      query: DownloadQuery,
      handle: download,
    }),
    clientRoute({
      ...read,
      path: '/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}',
      query: DownloadQuery,
      handle: download,
    }),
    clientRoute({
      ...read,
      path: '/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}',
      query: ThumbnailQuery,
      async handle(request) {
        const { width, height, method = 'scale', animated = false } = request.query;
        const medium = await media.find(mediumRequest(request));
        const thumbnail = await media.thumbnail(medium, { width, height, method, animated });
        return await sendContent(request, media, thumbnail, thumbnailHeaders(thumbnail.contentType));
      },
    }),
  ];
}

function configRoutes(media: MediaRepository): ClientRoute[] {
  return ['/_matrix/client/v1/media/config', '/_matrix/media/v3/config'].map((path) =>
    clientRoute({
      method: 'GET',
      path,
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      replyHeaders: MEDIA_REPLY_HEADERS,
      async handle() {
        return { 'm.upload.size': media.limits.maxUploadBytes };
      },
    }),
  );
}

/**
 * The endpoints that asked for no access token. They are frozen, as the spec has it since 1.12, and this server has no media
 * from before: there is nothing that they may show (A6.2).
 */
function frozenRoutes(): ClientRoute[] {
  return [
    '/_matrix/media/v3/download/{serverName}/{mediaId}',
    '/_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}',
    '/_matrix/media/v3/thumbnail/{serverName}/{mediaId}',
  ].map((path) =>
    clientRoute({
      method: 'GET',
      path,
      auth: 'none',
      guests: true,
      rateLimit: 'media',
      replyHeaders: MEDIA_REPLY_HEADERS,
      async handle() {
        throw notFound('Media are served with an access token only, under /_matrix/client/v1/media.');
      },
    }),
  );
}

export function contentRepositoryRoutes(media: MediaRepository): ClientRoute[] {
  return [...uploadRoutes(media), ...downloadRoutes(media), ...configRoutes(media), ...frozenRoutes()];
}
