import type { Readable } from 'node:stream';
import { MatrixError, notFound } from '../protocol/errors.ts';
import type { ServerName } from '../protocol/event.ts';
import { parseMxcUri } from '../protocol/identifiers.ts';
import { findMedium, type MediumState, type StoredMedium } from '../storage/media.ts';
import type { ByteRange } from './content-store.ts';
import type { MediaLimits, MediaParts, Sender } from './media-parts.ts';
import { createRemoteMedia, type RemoteMediaSource } from './remote-media.ts';
import { sweepMedia } from './sweep.ts';
import type { Thumbnailer } from './thumbnailer.ts';
import { createThumbnails, type Thumbnails } from './thumbnails.ts';
import { UploadWaiter } from './upload-waiter.ts';
import { createUploads, type Uploads } from './uploads.ts';

export interface MediumRequest {
  readonly serverName: ServerName;
  readonly mediaId: string;
  /** How long to wait for content that has not been uploaded yet, in milliseconds. */
  readonly timeoutMs: number;
  /** For whom media of other servers may be fetched; `undefined`: only what is here already is answered. */
  readonly sender: Sender | undefined;
  readonly signal: AbortSignal;
}

/** Client-Server API, "Content repository". */
export interface MediaRepository extends Uploads, Thumbnails {
  readonly serverName: ServerName;
  readonly limits: MediaLimits;
  /**
   * The medium behind an mxc:// URI, fetched from its server where needed. Throws 404 `M_NOT_FOUND`, 504
   * `M_NOT_YET_UPLOADED`, or what kept the other server from answering.
   */
  find(request: MediumRequest): Promise<StoredMedium>;
  /** The bytes of a medium or thumbnail, whole or a part. */
  read(content: { readonly sha256: Buffer }, range?: ByteRange): Promise<Readable>;
  /** Removes what crashes and unused media ids have left behind. Once at start and once a day. */
  sweep(): Promise<void>;
}

export function createMediaRepository(
  options: MediaParts & { readonly remote: RemoteMediaSource; readonly thumbnailer: Thumbnailer },
): MediaRepository {
  const { db, store, clock, serverName, limits } = options;
  const waiter = new UploadWaiter(db);
  const remoteMedia = createRemoteMedia(options, options.remote);

  async function lookUp(request: MediumRequest): Promise<MediumState | undefined> {
    // Names of servers are not case-sensitive: a spelling of our own name must not make us fetch from ourselves.
    const isOurs = request.serverName.toLowerCase() === serverName.toLowerCase();
    const name = isOurs ? serverName : request.serverName;
    const found = await findMedium(db, name, request.mediaId);
    if (found !== undefined || isOurs || request.sender === undefined) return found;
    await remoteMedia.fetch(name, request.mediaId, request.sender, Math.min(request.timeoutMs, limits.maxWaitMs));
    return await findMedium(db, name, request.mediaId);
  }

  return {
    serverName,
    limits,
    ...createUploads(options, waiter),
    ...createThumbnails(options, options.thumbnailer),

    async find(request) {
      if (parseMxcUri(`mxc://${request.serverName}/${request.mediaId}`) === undefined)
        throw notFound('There is no such medium.');
      let found = await lookUp(request);
      if (found?.state === 'empty') {
        const leftMs = found.unusedExpiresAt - clock.now();
        if (leftMs <= 0) throw notFound('There is no such medium.');
        const waitMs = Math.min(request.timeoutMs, limits.maxWaitMs, leftMs);
        await waiter.wait(serverName, request.mediaId, waitMs, request.signal);
        found = await findMedium(db, serverName, request.mediaId);
      }
      if (found === undefined) throw notFound('There is no such medium.');
      if (found.state === 'empty')
        throw new MatrixError('M_NOT_YET_UPLOADED', 'The content has not been uploaded yet.', 504);
      return found.medium;
    },

    async read(content, range) {
      const stream = await store.open(content.sha256, range);
      if (stream === undefined) throw notFound('The bytes of this medium are missing.');
      return stream;
    },

    sweep: () => sweepMedia(options),
  };
}
