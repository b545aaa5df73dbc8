import type { ThumbnailMethod } from '../storage/media.ts';

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface ThumbnailTarget extends Size {
  readonly method: ThumbnailMethod;
}

/** Most pixels that are decoded; of an animation all frames together count (A6.3). */
export const MAX_PIXELS = 32_000_000;

/** The sizes that the spec recommends ("Thumbnails"), and no others, so that one image fills only so much disk. */
const CROP_SIZES: readonly Size[] = [
  { width: 32, height: 32 },
  { width: 96, height: 96 },
];
const SCALE_SIZES: readonly Size[] = [
  { width: 320, height: 240 },
  { width: 640, height: 480 },
  { width: 800, height: 600 },
];
/** Larger than any image that is decoded: whoever asks for more than the largest size is given the image itself. */
const FULL_SIZE: Size = { width: 1_000_000, height: 1_000_000 };

/**
 * The smallest size on offer that is not smaller than the one asked for. Larger crops than are on offer become the whole
 * image at a size that still covers what was asked for (`method` stays `crop`), so that clients can crop it themselves.
 */
export function snapTarget(wanted: ThumbnailTarget): ThumbnailTarget {
  const isEnough = (size: Size) => size.width >= wanted.width && size.height >= wanted.height;
  const sizes = wanted.method === 'crop' ? [...CROP_SIZES, ...SCALE_SIZES] : SCALE_SIZES;
  return { ...(sizes.find(isEnough) ?? FULL_SIZE), method: wanted.method };
}

/** Pixel size of the thumbnail: never larger than the image. */
export function thumbnailSize(target: ThumbnailTarget, image: Size): Size {
  const perWidth = target.width / image.width;
  const perHeight = target.height / image.height;
  const isExactCrop = CROP_SIZES.some((size) => size.width === target.width && size.height === target.height);
  if (target.method === 'crop' && isExactCrop) {
    const shrink = Math.min(1, image.width / target.width, image.height / target.height);
    return rounded({ width: target.width * shrink, height: target.height * shrink });
  }
  const factor = Math.min(1, target.method === 'crop' ? Math.max(perWidth, perHeight) : Math.min(perWidth, perHeight));
  return rounded({ width: image.width * factor, height: image.height * factor });
}

function rounded(size: Size): Size {
  return { width: Math.max(1, Math.round(size.width)), height: Math.max(1, Math.round(size.height)) };
}
