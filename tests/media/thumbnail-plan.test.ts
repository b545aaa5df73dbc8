import { describe, expect, test } from 'vitest';
import { snapTarget, thumbnailSize } from '../../server/src/media/thumbnail-plan.ts';
import { fc } from '../harness/properties.ts';

const side = fc.integer({ min: 1, max: 5000 });
const size = fc.record({ width: side, height: side });
const method = fc.constantFrom('crop' as const, 'scale' as const);

describe('the size that answers a request', () => {
  test.each([
    ['crop', 1, 1, 32, 32],
    ['crop', 32, 32, 32, 32],
    ['crop', 33, 20, 96, 96],
    ['crop', 97, 97, 320, 240],
    ['scale', 1, 1, 320, 240],
    ['scale', 320, 240, 320, 240],
    ['scale', 320, 241, 640, 480],
    ['scale', 800, 600, 800, 600],
  ] as const)('%s %i×%i is answered with %i×%i', (method, width, height, snappedWidth, snappedHeight) => {
    expect(snapTarget({ method, width, height })).toEqual({ method, width: snappedWidth, height: snappedHeight });
  });

  test('an image asked for larger than any thumbnail is answered in its own size', () => {
    const target = snapTarget({ method: 'scale', width: 801, height: 10 });
    expect(thumbnailSize(target, { width: 5000, height: 4000 })).toEqual({ width: 5000, height: 4000 });
  });

  test('there are few sizes, whatever is asked for', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(size, method, (wanted, method) => {
        seen.add(JSON.stringify(snapTarget({ ...wanted, method })));
      }),
      { numRuns: 2000 },
    );
    expect(seen.size).toBeLessThanOrEqual(10);
  });
});

describe('the size of a thumbnail', () => {
  test('is never larger than the image', () => {
    fc.assert(
      fc.property(size, size, method, (wanted, image, method) => {
        const { width, height } = thumbnailSize(snapTarget({ ...wanted, method }), image);
        expect(width).toBeGreaterThanOrEqual(1);
        expect(height).toBeGreaterThanOrEqual(1);
        expect(width).toBeLessThanOrEqual(image.width);
        expect(height).toBeLessThanOrEqual(image.height);
      }),
    );
  });

  test('covers what was asked for when cropping, as far as the image goes', () => {
    fc.assert(
      fc.property(size, size, (wanted, image) => {
        const { width, height } = thumbnailSize(snapTarget({ ...wanted, method: 'crop' }), image);
        const isSmall = image.width < 96 || image.height < 96;
        if (isSmall) return;
        expect(width).toBeGreaterThanOrEqual(Math.min(wanted.width, image.width));
        expect(height).toBeGreaterThanOrEqual(Math.min(wanted.height, image.height));
      }),
    );
  });

  test('keeps the aspect of the image when scaling, and fills the box in one direction', () => {
    fc.assert(
      fc.property(size, size, (wanted, image) => {
        const target = snapTarget({ ...wanted, method: 'scale' });
        const { width, height } = thumbnailSize(target, image);
        expect(Math.abs(width * image.height - height * image.width)).toBeLessThanOrEqual(
          Math.max(image.width, image.height),
        );
        const fills = width === target.width || height === target.height;
        expect(fills || (width === image.width && height === image.height)).toBe(true);
      }),
    );
  });

  test('crops a small image to the shape that was asked for instead of enlarging it', () => {
    expect(thumbnailSize({ method: 'crop', width: 96, height: 96 }, { width: 200, height: 80 })).toEqual({
      width: 80,
      height: 80,
    });
  });
});
