import { expect, test } from 'vitest';
import { splitLinks } from '../../client-web/src/view-models/text-links.ts';

const hrefs = (text: string): string[] =>
  splitLinks(text).flatMap((part) => (typeof part === 'string' ? [] : [part.href]));

test('web and mail addresses become links', () => {
  expect(hrefs('see https://example.org/a?b=c, or example.com.')).toEqual([
    'https://example.org/a?b=c',
    'https://example.com',
  ]);
  expect(hrefs('write to ana@example.org')).toEqual(['mailto:ana@example.org']);
});

test('user ids and aliases become matrix.to links', () => {
  expect(hrefs('ask @ana:example.org in #design:example.org:8448')).toEqual([
    'https://matrix.to/#/@ana:example.org',
    'https://matrix.to/#/%23design:example.org:8448',
  ]);
});

test('the parts joined are the text', () => {
  for (const text of [
    '',
    'plain',
    '(@ana:example.org)',
    'a https://x.org b @b:c.org. c ana@x.org',
    'javascript:alert(1)',
  ]) {
    expect(
      splitLinks(text)
        .map((part) => (typeof part === 'string' ? part : part.text))
        .join(''),
    ).toBe(text);
  }
});

test('no link has a scheme that could run code', () => {
  expect(hrefs('javascript:alert(1) data:text/html,x vbscript:x')).toEqual([]);
});
