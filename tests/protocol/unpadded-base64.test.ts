import { expect, test } from 'vitest';
import {
  decodeBase64,
  decodeBase64Url,
  encodeBase64,
  encodeBase64Url,
} from '../../server/src/protocol/unpadded-base64.ts';
import { fc } from '../harness/properties.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

test.each([
  ['', ''],
  ['f', 'Zg'],
  ['fo', 'Zm8'],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg'],
  ['fooba', 'Zm9vYmE'],
  ['foobar', 'Zm9vYmFy'],
])('the bytes of "%s" are written as "%s", as in the appendices', (text, encoded) => {
  expect(encodeBase64(utf8(text))).toBe(encoded);
  expect(decodeBase64(encoded)?.toString()).toBe(text);
});

test('decoding accepts input with and without padding', () => {
  expect(decodeBase64('Zm9vYg==')?.toString()).toBe('foob');
  expect(decodeBase64('Zm9vYmE=')?.toString()).toBe('fooba');
  expect(decodeBase64Url('Zm9vYg==')?.toString()).toBe('foob');
});

test('decoding accepts left-over bits that are not zero, as the signing seed of the appendices has them', () => {
  expect(decodeBase64('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1')).toHaveLength(32);
});

test('each decoder refuses the alphabet of the other, stray characters, and impossible lengths', () => {
  for (const text of ['-_', 'Zm9v\n', 'Zm 9v', 'Z', 'Zm9vY', 'Zg=', 'Zm9v=', 'Zg===', '=', '=Zg', 'Zg==Zg']) {
    expect(decodeBase64(text), JSON.stringify(text)).toBeUndefined();
  }
  expect(decodeBase64Url('+/')).toBeUndefined();
});

test('any bytes survive both alphabets', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(decodeBase64(encodeBase64(bytes))).toEqual(Buffer.from(bytes));
      expect(decodeBase64Url(encodeBase64Url(bytes))).toEqual(Buffer.from(bytes));
      expect(encodeBase64(bytes)).not.toContain('=');
    }),
  );
});

test('a view into a larger buffer is encoded as that view alone', () => {
  expect(encodeBase64(utf8('xfoox').subarray(1, 4))).toBe('Zm9v');
});
