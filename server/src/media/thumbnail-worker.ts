/**
 * Makes one thumbnail in a process of its own: the image comes on standard input, the request as the only argument, and the
 * answer leaves on standard output: one line of JSON, then the bytes of the thumbnail where one was made. The parent limits
 * memory, CPU and time and starts it without network, environment and write access (A6.3).
 */
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { sniffImageType } from './image-type.ts';
import { MAX_PIXELS, type ThumbnailTarget, thumbnailSize } from './thumbnail-plan.ts';
import type { WorkerAnswer } from './thumbnailer.ts';

sharp.cache(false);
sharp.concurrency(1);
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadNsgif'],
});

const MAX_FRAMES = 256;

async function make(
  image: Buffer,
  request: ThumbnailTarget & { animated: boolean },
): Promise<{ answer: WorkerAnswer; bytes?: Buffer }> {
  const imageType = sniffImageType(image);
  if (imageType === undefined) return { answer: { kind: 'unreadable' } };
  const options = { limitInputPixels: MAX_PIXELS, failOn: 'error' } as const;
  const metadata = await sharp(image, { ...options, limitInputPixels: false }).metadata();
  const natural = { width: metadata.width, height: metadata.pageHeight ?? metadata.height };
  if (natural.width * natural.height > MAX_PIXELS) return { answer: { kind: 'too_large' } };
  const frames = metadata.pages ?? 1;
  const isAnimated = frames > 1 || (imageType === 'image/png' && image.includes('acTL'));
  const oriented = (metadata.orientation ?? 1) >= 5 ? { width: natural.height, height: natural.width } : natural;
  const size = thumbnailSize(request, oriented);
  const isSameSize = size.width === oriented.width && size.height === oriented.height;
  if (isSameSize && (request.animated || !isAnimated)) return { answer: { kind: 'original', contentType: imageType } };

  const keepsFrames =
    request.animated && frames > 1 && frames <= MAX_FRAMES && frames * natural.width * natural.height <= MAX_PIXELS;
  const resized = sharp(image, { ...options, animated: keepsFrames })
    .autoOrient()
    .resize({ ...size, fit: 'cover' });
  if (keepsFrames)
    return { answer: { kind: 'made', contentType: 'image/webp' }, bytes: await resized.webp({ effort: 2 }).toBuffer() };
  if (metadata.hasAlpha)
    return { answer: { kind: 'made', contentType: 'image/png' }, bytes: await resized.png().toBuffer() };
  return {
    answer: { kind: 'made', contentType: 'image/jpeg' },
    bytes: await resized.jpeg({ quality: 85 }).toBuffer(),
  };
}

const request = JSON.parse(process.argv[2] ?? '') as ThumbnailTarget & { animated: boolean };
const image = await buffer(process.stdin);
// Whatever the decoder says against the bytes, they are no image that we can show; crashes and limits the parent sees.
const result = await make(image, request).catch(() => ({ answer: { kind: 'unreadable' as const }, bytes: undefined }));
process.stdout.write(`${JSON.stringify(result.answer)}\n`);
if (result.bytes !== undefined) process.stdout.write(result.bytes);
