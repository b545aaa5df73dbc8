import type { Readable } from 'node:stream';
import { MatrixError } from '../protocol/errors.ts';
import type { ServerName } from '../protocol/event.ts';
import { insertMedium } from '../storage/media.ts';
import { cleanFileName, fileNameOf } from './content-disposition.ts';
import { cleanContentType } from './media-headers.ts';
import { type MediaParts, newMediaId, type Sender, storeContent, takeBytes } from './media-parts.ts';
import { spool } from './spool.ts';

/** The part of the federation client that is used here: a signed download whose errors may be shown to clients. */
export interface RemoteMediaSource {
  mediaDownload(
    destination: ServerName,
    request: { mediaId: string; timeoutMs?: number; maxBytes: number },
    options: { deadlineMs: number; ignoreBackoff: boolean },
  ): Promise<{
    readonly body: Readable;
    readonly contentType: string | undefined;
    readonly contentDisposition: string | undefined;
    readonly contentLength: number | undefined;
  }>;
}

export interface RemoteMedia {
  /**
   * Fetches a medium from its own server and keeps a copy. Requests for the same medium at the same time are one fetch, which
   * goes on when those who wait for it go away.
   */
  fetch(serverName: ServerName, mediaId: string, sender: Sender, timeoutMs: number): Promise<void>;
}

const MAX_FETCHES = 64;
const DEADLINE_MS = 300_000;

/** What a client is told of a transfer that failed on the other server's side (Client-Server API, "Security considerations"). */
function asRemoteFailure(error: unknown): unknown {
  if (!(error instanceof MatrixError)) return error;
  if (error.errcode === 'M_TOO_LARGE')
    return new MatrixError('M_TOO_LARGE', 'The file on the other server is too large.', 502);
  if (error.status === 400 || error.status === 408)
    return Object.assign(new MatrixError('M_UNKNOWN', 'The other server did not send the whole file.', 502), {
      cause: error,
    });
  return error;
}

async function download(
  parts: MediaParts,
  source: RemoteMediaSource,
  wanted: { serverName: ServerName; mediaId: string; sender: Sender; timeoutMs: number },
): Promise<void> {
  const { serverName, mediaId, sender, timeoutMs } = wanted;
  const maxBytes = parts.limits.maxUploadBytes;
  const settle = await takeBytes(parts, sender, 0);
  const remote = await source.mediaDownload(
    serverName,
    { mediaId, timeoutMs, maxBytes },
    { deadlineMs: DEADLINE_MS, ignoreBackoff: true },
  );
  try {
    if ((remote.contentLength ?? 0) > maxBytes)
      throw new MatrixError('M_TOO_LARGE', 'The file on the other server is too large.', 502);
    const spooled = await spool(parts.store.incomingFolder, newMediaId(parts), remote.body, {
      maxBytes,
      idleTimeoutMs: parts.limits.idleTimeoutMs,
    });
    await storeContent(parts, spooled, async (tx) => {
      await insertMedium(tx, {
        serverName,
        mediaId,
        sha256: spooled.sha256,
        uploader: undefined,
        contentType: cleanContentType(remote.contentType),
        fileName: cleanFileName(fileNameOf(remote.contentDisposition)),
        createdAt: parts.clock.now(),
      });
      await settle(tx, spooled.sizeBytes);
    });
  } catch (error) {
    throw asRemoteFailure(error);
  } finally {
    remote.body.destroy();
  }
}

export function createRemoteMedia(parts: MediaParts, source: RemoteMediaSource): RemoteMedia {
  const fetches = new Map<string, Promise<void>>();
  return {
    async fetch(serverName, mediaId, sender, timeoutMs) {
      const key = `${serverName} ${mediaId}`;
      let running = fetches.get(key);
      if (running === undefined) {
        if (fetches.size >= MAX_FETCHES)
          throw new MatrixError('M_UNKNOWN', 'Too many files are being fetched from other servers.', 503, {
            retry_after_ms: 2000,
          });
        running = download(parts, source, { serverName, mediaId, sender, timeoutMs }).finally(() =>
          fetches.delete(key),
        );
        fetches.set(key, running);
      }
      await running;
    },
  };
}
