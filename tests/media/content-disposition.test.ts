import { describe, expect, test } from 'vitest';
import { cleanFileName, fileNameOf, formatContentDisposition } from '../../server/src/media/content-disposition.ts';
import { fc } from '../harness/properties.ts';

describe('writing Content-Disposition', () => {
  test.each([
    [undefined, 'attachment'],
    ['plain.txt', 'attachment; filename="plain.txt"'],
    ['a "b" \\c.txt', 'attachment; filename="a \\"b\\" \\\\c.txt"'],
    ['; filename=x', 'attachment; filename="; filename=x"'],
    ['naïve.txt', `attachment; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve.txt`],
    ["it's*(☃)", `attachment; filename="it's*(_)"; filename*=UTF-8''it%27s%2A%28%E2%98%83%29`],
    ['👍.png', `attachment; filename="_.png"; filename*=UTF-8''%F0%9F%91%8D.png`],
  ])('%j', (name, header) => {
    expect(formatContentDisposition('attachment', name)).toBe(header);
  });

  test('whatever the name, the header is one line of ASCII and reads back as the same name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const name = cleanFileName(text);
        const header = formatContentDisposition('inline', name);
        expect(header).toMatch(/^[\u0020-\u007e]*$/);
        expect(fileNameOf(header)).toBe(name);
      }),
    );
  });
});

describe('reading the Content-Disposition of a peer', () => {
  test.each([
    [undefined, undefined],
    ['inline', undefined],
    ['attachment; filename=token.txt', 'token.txt'],
    ['attachment;filename = "a;b=c.txt" ; x=y', 'a;b=c.txt'],
    ['attachment; FileName="x"', 'x'],
    ["attachment; filename*=utf-8'en'%e2%82%ac; filename=eur", '€'],
    ["attachment; filename*=utf-8''%ff; filename=fallback", 'fallback'],
    ["attachment; filename*=latin-9''x; filename=fallback", 'fallback'],
    ['attachment; filename="first"; filename="second"', 'first'],
    ['attachment; filename="never closed', 'never closed'],
    ['attachment; filename="../../etc/passwd"', '../../etc/passwd'],
    ['attachment; filename=""', undefined],
    ['attachment; filename="a\r\nb\u0000"', 'ab'],
    ['=;=;=;;;', undefined],
  ])('%j', (header, name) => {
    expect(fileNameOf(header)).toBe(name);
  });

  test('takes linear time for long nonsense', () => {
    const started = performance.now();
    fileNameOf(';='.repeat(500_000));
    fileNameOf(`x; filename="${'\\"'.repeat(500_000)}`);
    // It takes milliseconds; in quadratic time it would take minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
