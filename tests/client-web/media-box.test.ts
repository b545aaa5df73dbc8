import { expect, test } from 'vitest';
import { formatBytes, formatDuration } from '../../client-web/src/view-models/format-size.ts';
import { mediaBox } from '../../client-web/src/view-models/media-box.ts';

test('a medium keeps its shape within 480 × 360 and is never enlarged', () => {
  expect(mediaBox({ width: 1600, height: 800 })).toEqual({ width: 480, height: 240 });
  expect(mediaBox({ width: 600, height: 1200 })).toEqual({ width: 180, height: 360 });
  expect(mediaBox({ width: 100, height: 80 })).toEqual({ width: 100, height: 80 });
});

test('without a size there is a box all the same, and a sliver can be hit', () => {
  expect(mediaBox({})).toEqual({ width: 320, height: 240 });
  expect(mediaBox({ width: 4000, height: 10 })).toEqual({ width: 480, height: 40 });
});

test('sizes and lengths in words', () => {
  expect(formatBytes(999, 'en')).toBe('999 bytes');
  expect(formatBytes(1_400_000, 'en')).toBe('1.4 MB');
  expect(formatDuration(73_400)).toBe('1:13');
  expect(formatDuration(3_661_000)).toBe('1:01:01');
});
