import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';

const css = await readFile(new URL('../../client-web/src/views/tokens.css', import.meta.url), 'utf8');

/** Relative luminance (WCAG 2.2) of `oklch(L C H)`, by way of OKLab and linear sRGB, clipped to the sRGB gamut. */
function luminance(color: string): number {
  const match = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)$/.exec(color);
  if (!match) throw new Error(`Not an opaque oklch colour: ${color}`);
  const [lightness, chroma, hue] = match.slice(1).map(Number) as [number, number, number];
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function readTokens(theme: 'light' | 'dark'): Map<string, string> {
  const block = new RegExp(`:root\\[data-theme="${theme}"\\] \\{([^}]+)\\}`).exec(css)?.[1] ?? '';
  return new Map([...block.matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name, value]) => [name ?? '', value ?? '']));
}

test('the two themes have the same names', () => {
  expect([...readTokens('dark').keys()].sort()).toEqual([...readTokens('light').keys()].sort());
});

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  const tokens = readTokens(theme);
  const color = (name: string) => tokens.get(name) ?? `missing --${name}`;
  const surfaces = ['bg', 'bg-raised', 'bg-sunken', 'bg-hover'];

  test.each(['text', 'text-muted', 'text-faint', 'link', 'danger', 'success', 'warning'])(
    '--%s can be read on every surface (4.5:1)',
    (name) => {
      for (const surface of surfaces)
        expect(contrast(color(name), color(surface)), surface).toBeGreaterThanOrEqual(4.5);
    },
  );

  test.each([
    ['accent-text', 'accent'],
    ['accent-text', 'accent-hover'],
    ['danger-text', 'danger'],
    ['danger-text', 'danger-hover'],
    ['text', 'bg-selected'],
    ['text-muted', 'bg-selected'],
    ['text', 'bg-control'],
    ['text', 'bg-control-hover'],
    ['link', 'accent-soft'],
    ['text', 'mention-bg'],
    ['text', 'warning-soft'],
    ['text', 'danger-soft'],
    ['danger', 'bg-control'],
    ['danger', 'danger-soft'],
    ['text', 'code-bg'],
  ])('--%s can be read on --%s (4.5:1)', (text, surface) => {
    expect(contrast(color(text), color(surface))).toBeGreaterThanOrEqual(4.5);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7])('the name colour %i can be read (4.5:1)', (hue) => {
    for (const surface of ['bg', 'bg-raised']) {
      expect(contrast(color(`hue-${hue}`), color(surface))).toBeGreaterThanOrEqual(4.5);
    }
  });

  test.each(['line-strong', 'focus', 'accent'])('--%s is seen as the edge of a control (3:1)', (name) => {
    for (const surface of ['bg', 'bg-raised', 'bg-sunken']) {
      expect(contrast(color(name), color(surface)), surface).toBeGreaterThanOrEqual(3);
    }
  });
});
