import type { RouteRequest } from '../http/route.ts';
import { parseRange } from '../media/byte-range.ts';
import type { MediaRepository } from '../media/media-repository.ts';
import { MatrixError } from '../protocol/errors.ts';

/** What an mxc:// URI names never changes; a day bounds how long a browser shows what has been quarantined since. */
const CACHE_CONTROL = 'private, max-age=86400, immutable';

/**
 * Streams content to a client: whole, the one range of bytes that it asked for, or only "not modified" when it has it
 * already (RFC 9110, sections 13 and 14).
 */
export async function sendContent(
  request: RouteRequest,
  media: Pick<MediaRepository, 'read'>,
  content: { readonly sha256: Buffer; readonly sizeBytes: number },
  headers: Record<string, string>,
): Promise<unknown> {
  const { reply } = request;
  const etag = `"${content.sha256.toString('base64url')}"`;
  const described = { ...headers, etag, 'cache-control': CACHE_CONTROL, 'accept-ranges': 'bytes' };
  if (request.headers['if-none-match'] === etag) return await reply.code(304).headers(described).send();

  const { range: wanted, 'if-range': ifRange } = request.headers;
  const isWanted = typeof wanted === 'string' && (ifRange === undefined || ifRange === etag);
  const range = isWanted ? parseRange(wanted, content.sizeBytes) : undefined;
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${content.sizeBytes}`);
    throw new MatrixError('M_INVALID_PARAM', 'The content has no such range of bytes.', 416);
  }
  // Headers that describe the content are set only once there is something to send: an error has its own.
  const stream = await media.read(content, range);
  reply.headers(described).header('content-length', content.sizeBytes);
  if (range !== undefined)
    reply
      .code(206)
      .header('content-range', `bytes ${range.start}-${range.end}/${content.sizeBytes}`)
      .header('content-length', range.end - range.start + 1);
  return await reply.send(stream);
}
