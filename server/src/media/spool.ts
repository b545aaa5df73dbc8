import { createHash } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MatrixError, tooLarge, unavailable } from '../protocol/errors.ts';

/** Bytes that have arrived whole, in a file that is on disk but not yet visible to anybody. */
export interface Spooled {
  readonly path: string;
  readonly sha256: Buffer;
  readonly sizeBytes: number;
}

export interface SpoolLimits {
  /** One byte more is refused with 413 `M_TOO_LARGE`. */
  readonly maxBytes: number;
  /** How long the sender may send nothing at all. */
  readonly idleTimeoutMs: number;
}

/** Names of spool files: a random part that no two uploads share. The sweep removes no others. */
export const SPOOL_NAME = /^[A-Za-z0-9_-]{24}\.part$/;

/**
 * Writes a stream into the new file `<name>.part` in `folder` and syncs it. On any failure the file is gone again. The stream
 * is left undestroyed, so that an HTTP request can still be answered.
 */
export async function spool(folder: string, name: string, stream: Readable, limits: SpoolLimits): Promise<Spooled> {
  const path = join(folder, `${name}.part`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'wx', 0o600);
    const { sha256, sizeBytes } = await copy(stream, handle, limits);
    await handle.sync();
    await handle.close();
    return { path, sha256, sizeBytes };
  } catch (error) {
    if (handle !== undefined) {
      await handle.close();
      await discard({ path });
    }
    throw asRefusal(error);
  }
}

/** What the sender is told of failures that are not our bugs. */
function asRefusal(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return Object.assign(unavailable('The server has no space left for files.'), { cause: error });
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return Object.assign(new MatrixError('M_UNKNOWN', 'The file broke off.', 400), { cause: error });
  return error;
}

async function copy(
  stream: Readable,
  handle: FileHandle,
  limits: SpoolLimits,
): Promise<{ sha256: Buffer; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const chunks: AsyncIterator<Buffer> = stream.iterator({ destroyOnReturn: false });
  for (;;) {
    const next = await withTimeout(chunks.next(), limits.idleTimeoutMs);
    if (next.done === true) return { sha256: hash.digest(), sizeBytes };
    sizeBytes += next.value.length;
    if (sizeBytes > limits.maxBytes) {
      await chunks.return?.();
      throw tooLarge(`The file is larger than ${limits.maxBytes} bytes.`);
    }
    hash.update(next.value);
    await handle.writeFile(next.value);
  }
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const tooSlow = new MatrixError('M_UNKNOWN', `Nothing of the file arrived for ${timeoutMs} ms.`, 408);
    timer = setTimeout(reject, timeoutMs, tooSlow);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Removes a spool file, if it is still there. */
export async function discard(spooled: { readonly path: string }): Promise<void> {
  try {
    await unlink(spooled.path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
