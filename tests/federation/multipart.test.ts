import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { MultipartError, multipartBoundary, readMultipart } from '../../server/src/federation/multipart.ts';
import { fc } from '../harness/properties.ts';

interface ReadPart {
  headers: Record<string, string>;
  content: string;
}

/** Reads a body that arrives in pieces which end at the given places. */
async function read(body: string, boundary: string, cuts: readonly number[] = []): Promise<ReadPart[]> {
  const bytes = Buffer.from(body, 'latin1');
  const places = [0, ...[...new Set(cuts)].filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  const pieces = places.slice(1).map((place, i) => bytes.subarray(places[i], place));
  const parts: ReadPart[] = [];
  for await (const part of readMultipart(Readable.from(pieces), boundary)) {
    const content: Buffer[] = [];
    for await (const chunk of part.content) content.push(chunk);
    parts.push({ headers: Object.fromEntries(part.headers), content: Buffer.concat(content).toString('latin1') });
  }
  return parts;
}

test.each([
  ['multipart/mixed; boundary=abc', 'abc'],
  ['multipart/mixed;boundary="a b:c"', 'a b:c'],
  ['Multipart/Mixed; charset=x; BOUNDARY=abc', 'abc'],
  ['multipart/mixed', undefined],
  ['multipart/mixed; boundary=', undefined],
  [`multipart/mixed; boundary=${'x'.repeat(71)}`, undefined],
  ['multipart/form-data; boundary=abc', undefined],
  ['application/json', undefined],
  [undefined, undefined],
])('the boundary of %s is %s', (contentType, boundary) => {
  expect(multipartBoundary(contentType)).toBe(boundary);
});

const TWO =
  '--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nX-A: 1\r\n  2\r\nx-b:3\r\n\r\nfile\r\n--bye\r\n--b--\r\n';

test('parts are read with their headers, however the body is cut into pieces', async () => {
  const parts = [
    { headers: { 'content-type': 'application/json' }, content: '{}' },
    { headers: { 'x-a': '1 2', 'x-b': '3' }, content: 'file' },
    // "\r\n--bye" is no delimiter of "b" by the letter of RFC 2046, and every implementation takes it for one.
  ];
  expect((await read(TWO.replace('\r\n--bye', ''), 'b')).slice(0, 2)).toEqual(parts);
  for (let cut = 1; cut < TWO.length; cut++)
    expect(await read(TWO.replace('\r\n--bye', ''), 'b', [cut, cut + 1])).toEqual(parts);
});

test('any content comes out as it went in', async () => {
  const content = fc
    .array(fc.constantFrom('\r', '\n', '-', '--', '\r\n', '\r\n--', '\r\n--b', 'b', 'x', '\0', 'ÿ'))
    .map((a) => a.join(''));
  await fc.assert(
    fc.asyncProperty(content, content, fc.array(fc.nat(200)), async (first, second, cuts) => {
      fc.pre(!`${first}\r\n`.includes('\r\n--bound') && !`${second}\r\n`.includes('\r\n--bound'));
      const body = `--bound\r\n\r\n${first}\r\n--bound \t\r\na:b\r\n\r\n${second}\r\n--bound--`;
      expect((await read(body, 'bound', cuts)).map((part) => part.content)).toEqual([first, second]);
    }),
  );
});

test('what stands before the first part and after the last is skipped', async () => {
  expect(await read('hello\r\n--b\r\n\r\nx\r\n--b--\r\ntrailer', 'b')).toEqual([{ headers: {}, content: 'x' }]);
});

test.each([
  ['no part', ''],
  ['no delimiter', 'hello'],
  ['an open first part', '--b\r\n\r\nx'],
  ['open headers', '--b\r\na: b'],
  ['a half delimiter at the end', '--b\r\n\r\nx\r\n--'],
  ['a line that is no header', '--b\r\nnothing\r\n\r\nx\r\n--b--'],
  ['a header without a name', '--b\r\n: x\r\n\r\nx\r\n--b--'],
  ['text after a delimiter', '--b x\r\n\r\nx\r\n--b--'],
  ['endless headers', `--b\r\na: ${'x'.repeat(20_000)}\r\n\r\nx\r\n--b--`],
  ['an endless preamble', `${'x'.repeat(20_000)}\r\n--b--`],
])('a body with %s is refused', async (_title, body) => {
  await expect(read(body, 'b')).rejects.toThrow(MultipartError);
});
