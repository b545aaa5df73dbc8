import { expect, test } from 'vitest';
import { authorizationHeader, parseAuthorization } from '../../server/src/federation/x-matrix.ts';
import { newKey } from './federation-scene.ts';

const ACCEPTED: [title: string, header: string, parameters: Record<string, string>][] = [
  [
    'as this server writes it',
    'X-Matrix origin="a.example",destination="b.example",key="ed25519:1",sig="AB+/"',
    { origin: 'a.example', destination: 'b.example', key: 'ed25519:1', sig: 'AB+/' },
  ],
  ['tokens without quotes', 'X-Matrix origin=a.example,key=k', { origin: 'a.example', key: 'k' }],
  [
    'colons without quotes',
    'X-Matrix origin=a.example:8448,key=ed25519:1',
    { origin: 'a.example:8448', key: 'ed25519:1' },
  ],
  ['scheme and names in any case', 'x-mAtRiX ORIGIN=A.example,Key=K', { origin: 'A.example', key: 'K' }],
  ['spaces after the scheme', 'X-Matrix    origin=a', { origin: 'a' }],
  ['spaces and tabs around commas', 'X-Matrix origin=a \t,\t key="k"  , sig=s', { origin: 'a', key: 'k', sig: 's' }],
  ['spaces around the equals sign', 'X-Matrix origin = a,key\t=\t"k"', { origin: 'a', key: 'k' }],
  ['empty list elements', 'X-Matrix ,origin=a,,key=k,', { origin: 'a', key: 'k' }],
  ['any order, unknown names', 'X-Matrix sig=s,foo="b,a=r",origin=a', { sig: 's', foo: 'b,a=r', origin: 'a' }],
  ['escaped characters', String.raw`X-Matrix origin="a\"b\\c\d",key=k`, { origin: String.raw`a"b\cd`, key: 'k' }],
  ['empty quoted value', 'X-Matrix origin="",key=k', { origin: '', key: 'k' }],
  ['trailing space', 'X-Matrix origin=a ', { origin: 'a' }],
  ['no parameters', 'X-Matrix ', {}],
];

test.each(ACCEPTED)('an authorization header is read: %s', (_title, header, parameters) => {
  expect(Object.fromEntries(parseAuthorization(header) ?? [['failed', '']])).toEqual(parameters);
});

test.each([
  ['another scheme', 'Bearer abc'],
  ['no space after the scheme', 'X-Matrixorigin=a'],
  ['a tab after the scheme', 'X-Matrix\torigin=a'],
  ['the scheme alone', 'X-Matrix'],
  ['no comma between parameters', 'X-Matrix origin=a key=k'],
  ['no comma after a quoted value', 'X-Matrix origin="a"key=k'],
  ['no value', 'X-Matrix origin='],
  ['no equals sign', 'X-Matrix origin'],
  ['no name', 'X-Matrix =a'],
  ['an open quote', 'X-Matrix origin="a'],
  ['an open escape', 'X-Matrix origin="a\\'],
  ['text after a quoted value', 'X-Matrix origin="a"b,key=k'],
  ['a slash without quotes', 'X-Matrix origin=a,sig=A/B'],
  ['a repeated name', 'X-Matrix origin=a,origin=b'],
  ['a repeated name in another case', 'X-Matrix origin=a,Origin=a'],
  ['a control character', 'X-Matrix origin="a\u0001"'],
  ['a semicolon for a comma', 'X-Matrix origin=a;key=k'],
  ['nothing', ''],
])('an authorization header is refused: %s', (_title, header) => {
  expect(parseAuthorization(header)).toBeUndefined();
});

test('the header is parsed in linear time', () => {
  const started = performance.now();
  for (const part of ['\\a', ' ,', '"', 'a=', ', \t', '=']) parseAuthorization(`X-Matrix a="${part.repeat(200_000)}`);
  // It takes milliseconds; in quadratic time it would take minutes.
  expect(performance.now() - started).toBeLessThan(20_000);
});

test('what is written can be read', () => {
  const key = newKey('a_1');
  const header = authorizationHeader(
    { method: 'GET', uri: '/x?y=%20', origin: '[::1]:8448', destination: 'b.example', content: undefined },
    key,
  );
  const parameters = parseAuthorization(header);
  expect(parameters?.get('origin')).toBe('[::1]:8448');
  expect(parameters?.get('key')).toBe('ed25519:a_1');
});
