import { expect, test } from 'vitest';
import { renderMarkdown } from '../../client-web/src/view-models/markdown.ts';
import { looksLikeMarkdown } from '../../client-web/src/view-models/markdown-signs.ts';

test('Markdown is known by its signs, plain text is not taken for it', () => {
  for (const text of [
    '**bold**',
    '# Title',
    '- one\n- two',
    '1. one',
    '> quote',
    '`code`',
    '```\nx\n```',
    '[a](https://b.c)',
  ]) {
    expect(looksLikeMarkdown(text), text).toBe(true);
  }
  for (const text of ['hello', '2 * 3 * 4', 'a - b', 'file_name_here', '#hashtag', 'see [1]']) {
    expect(looksLikeMarkdown(text), text).toBe(false);
  }
});

test('HTML in Markdown stays text', () => {
  expect(renderMarkdown('<img src=x onerror=alert(1)> **b**')).toBe(
    '<p>&lt;img src=x onerror=alert(1)&gt; <strong>b</strong></p>\n',
  );
});
