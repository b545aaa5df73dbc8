import { parseMxc } from './media.ts';
import type { Session } from './session.ts';

export interface DownloadOptions {
  /** Part of the bytes received, 0 … 1; undefined while the size is not known. */
  onProgress?: (fraction: number | undefined) => void;
  signal?: AbortSignal;
}

/**
 * Fetches a whole file with the access token, telling how far it is.
 * The token goes to the homeserver's own download path only: the address is built from the checked parts of the
 * `mxc://` URI and redirects are not followed with it.
 */
export async function downloadMedia(session: Session, mxc: string, options: DownloadOptions = {}): Promise<Blob> {
  const parsed = parseMxc(mxc);
  if (!parsed) throw new Error('Not a media URI');
  const path = `${encodeURIComponent(parsed.serverName)}/${encodeURIComponent(parsed.mediaId)}`;
  const response = await fetch(`${session.baseUrl}/_matrix/client/v1/media/download/${path}`, {
    headers: { Authorization: `Bearer ${session.client.getAccessToken() ?? ''}` },
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    ...(options.signal && { signal: options.signal }),
  });
  if (!response.ok || !response.body) throw new Error(`The server answered ${response.status}`);
  const total = Number(response.headers.get('Content-Length')) || undefined;
  const chunks: BlobPart[] = [];
  let received = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    chunks.push(chunk);
    received += chunk.byteLength;
    options.onProgress?.(total && Math.min(1, received / total));
  }
  return new Blob(chunks, { type: response.headers.get('Content-Type') ?? 'application/octet-stream' });
}
