import type { Session } from './session.ts';

export interface UploadOptions {
  /** Part of the bytes sent, 0 … 1. */
  onProgress?: (fraction: number) => void;
  signal?: AbortSignal;
}

/**
 * Uploads a file to the user's homeserver.
 *
 * @returns its `mxc://` address
 * @throws the server's error, or an AbortError when `signal` aborts
 */
export async function uploadFile(session: Session, file: Blob, options: UploadOptions = {}): Promise<string> {
  const abortController = new AbortController();
  options.signal?.throwIfAborted();
  const abort = (): void => abortController.abort();
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    const response = await session.client.uploadContent(file, {
      // The name is in the message; in the address it would only reach the server's log.
      includeFilename: false,
      abortController,
      progressHandler: ({ loaded, total }) => options.onProgress?.(total > 0 ? loaded / total : 0),
    });
    return response.content_uri;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

/** The largest file the server takes, in bytes; undefined when it does not say. */
export async function maxUploadBytes(session: Session): Promise<number | undefined> {
  try {
    const config = await session.client.getMediaConfig(true);
    return config['m.upload.size'];
  } catch {
    // Then the server will say so when the file is sent.
    return undefined;
  }
}
