import { describe, expect, test } from 'vitest';
import {
  type DocumentNode,
  documentToMessage,
  documentToText,
  isBlank,
} from '../../client-web/src/view-models/composer-document.ts';
import { documentFromHtml, documentFromText } from '../../client-web/src/view-models/document-from-html.ts';

const text = (words: string, ...marks: string[]): DocumentNode => ({
  type: 'text',
  text: words,
  ...(marks.length > 0 && { marks: marks.map((type) => ({ type })) }),
});
const line = (...content: DocumentNode[]): DocumentNode => ({
  type: 'paragraph',
  ...(content.length > 0 && { content }),
});
const doc = (...content: DocumentNode[]): DocumentNode => ({ type: 'doc', content });
const block = (type: string, content: DocumentNode[], attrs?: Record<string, unknown>): DocumentNode => ({
  type,
  content,
  ...(attrs && { attrs }),
});
const mention = (id: string, label: string): DocumentNode => ({ type: 'mention', attrs: { id, label } });

describe('documentToMessage', () => {
  test('text without format has no HTML', () => {
    expect(documentToMessage(doc(line(text('one')), line(text('two')), line(), line(text('three'))))).toEqual({
      msgtype: 'm.text',
      body: 'one\ntwo\n\nthree',
      'm.mentions': {},
    });
  });

  test('marks become elements, and signs in the plain text', () => {
    expect(
      documentToMessage(doc(line(text('a ', 'bold'), text('b', 'bold', 'italic'), text('c', 'code')))),
    ).toMatchObject({
      body: '**a ****_b_**`c`',
      formatted_body: '<strong>a </strong><strong><em>b</em></strong><code>c</code>',
    });
  });

  test('lines are kept within one text and empty lines part paragraphs', () => {
    const message = documentToMessage(doc(line(text('a', 'bold')), line(text('b')), line(), line(text('c'))));
    expect(message.formatted_body).toBe('<p><strong>a</strong><br>b</p><p>c</p>');
  });

  test('markup in text is text', () => {
    const message = documentToMessage(doc(line(text('<img src=x> & "y"', 'bold'))));
    expect(message.formatted_body).toBe('<strong>&lt;img src=x&gt; &amp; &quot;y&quot;</strong>');
  });

  test('mentions become links, are listed, and read as names', () => {
    const message = documentToMessage(
      doc(line(mention('@ana:h.org', 'Ana'), text(' and '), mention('@room', '@room'))),
    );
    expect(message).toEqual({
      msgtype: 'm.text',
      body: '@Ana and @room',
      format: 'org.matrix.custom.html',
      formatted_body: '<a href="https://matrix.to/#/@ana:h.org">@Ana</a> and @room',
      'm.mentions': { user_ids: ['@ana:h.org'], room: true },
    });
  });

  test('lists, quotes, headings and code', () => {
    const message = documentToMessage(
      doc(
        block('heading', [text('T')], { level: 2 }),
        block('orderedList', [block('listItem', [line(text('x'))]), block('listItem', [line(text('y'))])], {
          start: 3,
        }),
        block('blockquote', [line(text('q')), line(text('r'))]),
        block('codeBlock', [text('a < b\n')], { language: 'js"><b' }),
      ),
    );
    expect(message.formatted_body).toBe(
      '<h2>T</h2><ol start="3"><li>x</li><li>y</li></ol><blockquote>q<br>r</blockquote>' +
        '<pre><code class="language-jsb">a &lt; b\n\n</code></pre>',
    );
    expect(message.body).toContain('## T\n3. x\n4. y\n> q\n> r\n```');
  });

  test('/me makes an emote', () => {
    expect(documentToMessage(doc(line(text('/me waves'))))).toMatchObject({ msgtype: 'm.emote', body: 'waves' });
    expect(documentToMessage(doc(line(text('/mean'))))).toMatchObject({ msgtype: 'm.text', body: '/mean' });
  });

  test('empty lines around are left out, and a document of nothing else is blank', () => {
    expect(documentToText(doc(line(), line(text('a')), line(text('  '))))).toBe('a');
    expect(isBlank(doc(line(), line(text(' '))))).toBe(true);
    expect(isBlank(doc(line(mention('@a:b', 'a'))))).toBe(false);
  });
});

describe('documentFromHtml', () => {
  test('gives back what documentToMessage made', () => {
    const nodes = [
      {
        tag: 'p' as const,
        children: [{ tag: 'strong' as const, children: ['a'] }, { tag: 'br' as const, children: [] }, 'b'],
      },
      { tag: 'p' as const, children: ['c'] },
      { tag: 'ul' as const, children: [{ tag: 'li' as const, children: ['x'] }] },
      { tag: 'pre' as const, children: [{ tag: 'code' as const, language: 'js', children: ['f();\n'] }] },
    ];
    expect(documentFromHtml(nodes)).toEqual(
      doc(
        line(text('a', 'bold')),
        line(text('b')),
        line(),
        line(text('c')),
        block('bulletList', [block('listItem', [line(text('x'))])]),
        block('codeBlock', [text('f();')], { language: 'js' }),
      ),
    );
  });

  test('links to people are mentions', () => {
    const link = { tag: 'a' as const, href: 'https://matrix.to/#/@ana:h.org', children: ['Ana'] };
    expect(documentFromHtml([link, ' hi'])).toEqual(doc(line(mention('@ana:h.org', 'Ana'), text(' hi'))));
  });

  test('text becomes a paragraph per line', () => {
    expect(documentToText(documentFromText('a\n\nb'))).toBe('a\n\nb');
  });
});
