import { encode } from 'blurhash';

/** What is found out about a file before it is sent. Sizes in pixels. */
export interface MediaFacts {
  kind: 'image' | 'video' | 'audio' | 'file';
  width?: number;
  height?: number;
  durationMs?: number;
  blurhash?: string;
  /** A smaller picture of it, when the file itself is too large to be shown in a list. */
  thumbnail?: { blob: Blob; width: number; height: number };
}

const THUMBNAIL = { width: 960, height: 720 } as const;
const THUMBNAIL_FROM_BYTES = 300_000;
const HASH_SIDE = 32;
const LOAD_TIMEOUT_MS = 10_000;
/** Formats that every browser shows; others are sent as files. */
const SHOWN_IMAGES: ReadonlySet<string> = new Set([
  ...['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp', 'image/svg+xml'],
]);

type Drawable = ImageBitmap | HTMLVideoElement;

function drawScaled(source: Drawable, width: number, height: number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('No canvas');
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

function hashOf(source: Drawable): string {
  const canvas = drawScaled(source, HASH_SIDE, HASH_SIDE);
  const data = canvas.getContext('2d')?.getImageData(0, 0, HASH_SIDE, HASH_SIDE).data;
  if (!data) throw new Error('No canvas');
  return encode(data, HASH_SIDE, HASH_SIDE, 4, 3);
}

async function thumbnailOf(source: Drawable, width: number, height: number): Promise<MediaFacts['thumbnail']> {
  const scale = Math.min(1, THUMBNAIL.width / width, THUMBNAIL.height / height);
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const blob = await drawScaled(source, size.width, size.height).convertToBlob({ type: 'image/webp', quality: 0.82 });
  return { blob, ...size };
}

async function readImage(file: Blob): Promise<MediaFacts> {
  // The browser turns the picture by its EXIF orientation, so that these are the sizes it is seen at.
  const bitmap = await createImageBitmap(file);
  try {
    const { width, height } = bitmap;
    const isStill = file.type !== 'image/gif' && file.type !== 'image/webp' && file.type !== 'image/svg+xml';
    const thumbnail =
      isStill && file.size > THUMBNAIL_FROM_BYTES ? await thumbnailOf(bitmap, width, height) : undefined;
    return { kind: 'image', width, height, blurhash: hashOf(bitmap), ...(thumbnail && { thumbnail }) };
  } finally {
    bitmap.close();
  }
}

/** Waits for one of the element's events, or for its error, or gives up. */
function once(element: HTMLMediaElement, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The file could not be read in time')), LOAD_TIMEOUT_MS);
    const settle = (then: () => void) => () => {
      clearTimeout(timer);
      then();
    };
    element.addEventListener(name, settle(resolve), { once: true });
    element.addEventListener(
      'error',
      settle(() => reject(new Error('Not a medium this browser can read'))),
      { once: true },
    );
  });
}

async function withElement<T extends HTMLMediaElement>(
  file: Blob,
  element: T,
  read: (element: T) => Promise<MediaFacts>,
): Promise<MediaFacts> {
  const url = URL.createObjectURL(file);
  try {
    element.preload = 'auto';
    element.muted = true;
    const loaded = once(element, 'loadeddata');
    element.src = url;
    await loaded;
    return await read(element);
  } finally {
    element.removeAttribute('src');
    URL.revokeObjectURL(url);
  }
}

const durationOf = (element: HTMLMediaElement): Pick<MediaFacts, 'durationMs'> =>
  Number.isFinite(element.duration) ? { durationMs: Math.round(element.duration * 1000) } : {};

async function readVideo(video: HTMLVideoElement): Promise<MediaFacts> {
  const { videoWidth: width, videoHeight: height } = video;
  const thumbnail = await thumbnailOf(video, width, height);
  return {
    kind: 'video',
    width,
    height,
    ...durationOf(video),
    blurhash: hashOf(video),
    ...(thumbnail && { thumbnail }),
  };
}

/** Finds out what a file is and what it looks like. A file that cannot be read as what it claims to be is just a file. */
export async function readMediaFile(file: Blob): Promise<MediaFacts> {
  try {
    if (SHOWN_IMAGES.has(file.type)) return await readImage(file);
    if (file.type.startsWith('video/')) return await withElement(file, document.createElement('video'), readVideo);
    if (file.type.startsWith('audio/')) {
      return await withElement(file, document.createElement('audio'), async (audio) => ({
        kind: 'audio',
        ...durationOf(audio),
      }));
    }
  } catch {
    // The browser cannot show it, so others get it as a file.
  }
  return { kind: 'file' };
}
