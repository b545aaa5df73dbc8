import { expect, test } from 'vitest';
import { highlight } from '../../client-web/src/views/message-html/highlight.ts';

test.each([
  ['typescript', 'export function f(a: string): number { return `x`.length; }'],
  ['html', '<p class="x">a<script>let b = 1;</script></p>'],
  ['json', '{"a": [1, true, null]}'],
  ['bash', 'echo "$HOME" # home'],
])('the coloured runs of %s are the code', (language, code) => {
  const tokens = highlight(code, language) ?? [];
  expect(tokens.map((token) => token.text).join('')).toBe(code);
  expect(tokens.some((token) => token.scope !== undefined)).toBe(true);
});

test('an unknown language has no colours', () => {
  expect(highlight('x', 'klingon')).toBeUndefined();
});
