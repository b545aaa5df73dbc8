/** The only types that are ever decoded here (A6.3). */
export type ImageType = 'image/jpeg' | 'image/png' | 'image/webp' | 'image/gif';

/** How many bytes from the start `sniffImageType` wants to see. */
export const SNIFF_BYTES = 16;

/** What the first bytes say an image is, whatever its uploader called it. Undefined for everything that is not decoded. */
export function sniffImageType(head: Uint8Array): ImageType | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'image/gif';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'image/webp';
  return undefined;
}
