import type { Readable } from 'node:stream';
import { forbidden, limitExceeded, MatrixError, notFound, tooLarge } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { fillEmptyMedium, findMedium, insertEmptyMedium, insertMedium } from '../storage/media.ts';
import { cleanFileName } from './content-disposition.ts';
import { cleanContentType } from './media-headers.ts';
import { type MediaParts, newMediaId, type Sender, type Settle, storeContent, takeBytes } from './media-parts.ts';
import { type Spooled, spool } from './spool.ts';
import type { UploadWaiter } from './upload-waiter.ts';

/** A file on its way in, with what its sender says of it. */
export interface UploadBody {
  readonly stream: Readable;
  readonly contentType: string | undefined;
  readonly fileName: string | undefined;
  /** Bytes that were announced; undefined when nothing was. */
  readonly contentLength: number | undefined;
}

export interface Uploads {
  /** Hands out a media id that content may be uploaded to until `unusedExpiresAt` (milliseconds since 1970). */
  create(uploader: UserId): Promise<{ mediaId: string; unusedExpiresAt: number }>;
  /** Stores a file and answers its media id. When it returns, the file survives a crash. */
  upload(sender: Sender, body: UploadBody): Promise<string>;
  /** Stores a file under an id from `create`. */
  uploadTo(sender: Sender, mediaId: string, body: UploadBody): Promise<void>;
}

const cannotOverwrite = () =>
  new MatrixError('M_CANNOT_OVERWRITE_MEDIA', 'Something was uploaded to this media id before.', 409);

async function receive(
  parts: MediaParts,
  sender: Sender,
  body: UploadBody,
): Promise<{ spooled: Spooled; settle: Settle }> {
  const { maxUploadBytes, idleTimeoutMs } = parts.limits;
  if ((body.contentLength ?? 0) > maxUploadBytes) throw tooLarge(`The file is larger than ${maxUploadBytes} bytes.`);
  const settle = await takeBytes(parts, sender, body.contentLength ?? 0);
  const spooled = await spool(parts.store.incomingFolder, newMediaId(parts), body.stream, {
    maxBytes: maxUploadBytes,
    idleTimeoutMs,
  });
  return { spooled, settle };
}

function described(parts: MediaParts, sender: Sender, mediaId: string, body: UploadBody, spooled: Spooled) {
  return {
    serverName: parts.serverName,
    mediaId,
    sha256: spooled.sha256,
    uploader: sender.userId,
    contentType: cleanContentType(body.contentType),
    fileName: cleanFileName(body.fileName),
  };
}

export function createUploads(parts: MediaParts, waiter: UploadWaiter): Uploads {
  const { db, clock, limits, serverName } = parts;
  return {
    async create(uploader) {
      const createdAt = clock.now();
      const unusedExpiresAt = createdAt + limits.emptyMediaLifetimeMs;
      const mediaId = newMediaId(parts);
      const result = await db.transaction((tx) =>
        insertEmptyMedium(tx, { serverName, mediaId, uploader, createdAt, unusedExpiresAt }, limits.maxEmptyMedia),
      );
      if (!result.inserted) throw limitExceeded(Math.max(1000, result.nextExpiry - createdAt));
      return { mediaId, unusedExpiresAt };
    },

    async upload(sender, body) {
      const { spooled, settle } = await receive(parts, sender, body);
      const mediaId = newMediaId(parts);
      const medium = { ...described(parts, sender, mediaId, body, spooled), createdAt: clock.now() };
      await storeContent(parts, spooled, async (tx) => {
        await insertMedium(tx, medium);
        await settle(tx, spooled.sizeBytes);
      });
      return mediaId;
    },

    async uploadTo(sender, mediaId, body) {
      const found = await findMedium(db, serverName, mediaId);
      if (found === undefined) throw notFound('This media id was not handed out.');
      if (found.state === 'stored') throw cannotOverwrite();
      if (found.unusedExpiresAt <= clock.now()) throw notFound('This media id has expired.');
      if (found.uploader !== sender.userId) throw forbidden('This media id was handed out to somebody else.');
      const { spooled, settle } = await receive(parts, sender, body);
      const medium = described(parts, sender, mediaId, body, spooled);
      await storeContent(parts, spooled, async (tx) => {
        if (!(await fillEmptyMedium(tx, medium))) throw cannotOverwrite();
        await settle(tx, spooled.sizeBytes);
      });
      waiter.wake(serverName, mediaId);
    },
  };
}
