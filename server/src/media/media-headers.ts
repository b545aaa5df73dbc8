import { formatContentDisposition } from './content-disposition.ts';

/**
 * On every reply of a media route, errors included (A6.4): whatever somebody uploaded must not run in the origin that serves
 * it, and web apps of other origins may show it (Client-Server API, "Content repository").
 */
export const MEDIA_REPLY_HEADERS = {
  'content-security-policy':
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';",
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
} as const;

/** Types that browsers show without running anything ("Serving inline content"). */
const INLINE_TYPES: ReadonlySet<string> = new Set([
  'text/css',
  'text/plain',
  'text/csv',
  'application/json',
  'application/ld+json',
  'image/jpeg',
  'image/gif',
  'image/png',
  'image/apng',
  'image/webp',
  'image/avif',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'video/quicktime',
  'audio/mp4',
  'audio/webm',
  'audio/aac',
  'audio/mpeg',
  'audio/ogg',
  'audio/wave',
  'audio/wav',
  'audio/x-wav',
  'audio/x-pn-wav',
  'audio/flac',
  'audio/x-flac',
]);

const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*;[\u0020-\u007e\t]*)?$/;
const MAX_TYPE_LENGTH = 255;

/** A content type as it is stored: undefined when it is none that may stand in a header. */
export function cleanContentType(type: string | undefined): string | undefined {
  const trimmed = type?.trim();
  if (trimmed === undefined || trimmed.length > MAX_TYPE_LENGTH || !MEDIA_TYPE.test(trimmed)) return undefined;
  return trimmed;
}

/** Type and subtype without parameters, in lower case: what decisions are made by. */
export function essenceOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** `Content-Type` and `Content-Disposition` for a medium. Any other type than those known to be harmless is an attachment. */
export function contentHeaders(medium: {
  contentType: string | undefined;
  fileName: string | undefined;
}): Record<string, string> {
  const contentType = cleanContentType(medium.contentType) ?? 'application/octet-stream';
  const disposition = INLINE_TYPES.has(essenceOf(contentType)) ? 'inline' : 'attachment';
  return {
    'content-type': contentType,
    'content-disposition': formatContentDisposition(disposition, medium.fileName),
  };
}

/** The same for a thumbnail, whose type is always one that browsers show. */
export function thumbnailHeaders(contentType: string): Record<string, string> {
  const extension = contentType.slice('image/'.length);
  return {
    'content-type': contentType,
    'content-disposition': formatContentDisposition('inline', `thumbnail.${extension}`),
  };
}
