/** The largest box a picture or video takes in the timeline, in CSS pixels. */
export const MAX_BOX = { width: 480, height: 360 } as const;
const MIN_SIDE = 40;
const UNKNOWN_BOX = { width: 320, height: 240 } as const;

/**
 * The box for a medium of the given size: its own size, scaled down to fit; never so thin that it cannot be hit.
 * Without a size a common one, so that nothing moves when the medium is there.
 */
export function mediaBox(
  size: { width?: number; height?: number },
  max: { width: number; height: number } = MAX_BOX,
): { width: number; height: number } {
  const { width, height } = size.width && size.height ? { width: size.width, height: size.height } : UNKNOWN_BOX;
  const scale = Math.min(1, max.width / width, max.height / height);
  return {
    width: Math.min(max.width, Math.max(MIN_SIDE, Math.round(width * scale))),
    height: Math.min(max.height, Math.max(MIN_SIDE, Math.round(height * scale))),
  };
}
