import { walk } from 'canonical-json';
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  canonicalJsonBytes,
  compareByCodePoint,
  findNonCanonical,
  isCanonical,
  NonCanonicalError,
} from '../../server/src/protocol/canonical-json.ts';
import { type JsonValue, NonCanonicalToken } from '../../server/src/protocol/json.ts';
import { parseEventContent, parseJson } from '../../server/src/protocol/json-parser.ts';
import { fc } from '../harness/properties.ts';

describe('the vectors of the appendices', () => {
  test.each([
    ['{}', '{}'],
    ['{ "one": 1, "two": "Two" }', '{"one":1,"two":"Two"}'],
    ['{ "b": "2", "a": "1" }', '{"a":"1","b":"2"}'],
    ['{"b":"2","a":"1"}', '{"a":"1","b":"2"}'],
    [
      `{"auth": {"success": true, "mxid": "@john.doe:example.com", "profile": {"display_name": "John Doe", "three_pids": [
        {"medium": "email", "address": "john.doe@example.org"}, {"medium": "msisdn", "address": "123456789"}]}}}`,
      '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
    ],
    ['{ "a": "日本語" }', '{"a":"日本語"}'],
    ['{ "本": 2, "日": 1 }', '{"日":1,"本":2}'],
    ['{ "a": "\\u65E5" }', '{"a":"日"}'],
    ['{ "a": null }', '{"a":null}'],
  ])('%s becomes %s', (source, canonical) => {
    expect(canonicalJson(parseEventContent(source))).toBe(canonical);
  });
});

test('a number that was read from an exponent is written without one; -0, of the last vector, is refused by the strict rule', () => {
  expect(canonicalJson(parseJson('{ "b": 1e10 }'))).toBe('{"b":10000000000}');
  expect(() => canonicalJson(parseJson('{ "a": -0 }'))).toThrow(NonCanonicalError);
});

describe('what writers of JSON get wrong', () => {
  test('integer-like keys are ordered as text', () => {
    expect(canonicalJson({ 10: 1, 9: 2, a: 3 })).toBe('{"10":1,"9":2,"a":3}');
  });

  test('A9.1 a key __proto__ is kept', () => {
    expect(canonicalJson(parseEventContent('{"a":1,"__proto__":{"b":2},"constructor":3}'))).toBe(
      '{"__proto__":{"b":2},"a":1,"constructor":3}',
    );
  });

  test('keys are ordered by code point, where UTF-16 would put U+1F98A before U+FFFD', () => {
    expect(canonicalJson({ '\ufffd': 1, '🦊': 2, a: 3 })).toBe('{"a":3,"\ufffd":1,"🦊":2}');
    expect(canonicalJson({ '🦊b': 1, '🦊a': 2, '🦊': 3, '🦉': 4 })).toBe('{"🦉":4,"🦊":3,"🦊a":2,"🦊b":1}');
  });

  test('a key that starts another comes first', () => {
    expect(canonicalJson({ ab: 1, a: 2, '': 3 })).toBe('{"":3,"a":2,"ab":1}');
  });
});

test('only what JSON must escape is escaped, in its shortest form', () => {
  expect(canonicalJson('\u0000\b\t\n\f\r\u001f"\\/\u007f\u2028é🦊')).toBe(
    '"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\u007f\u2028é🦊"',
  );
});

test('keys whose value is undefined are left out', () => {
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
});

test('the bytes are UTF-8', () => {
  expect(canonicalJsonBytes('é')).toEqual(Buffer.from([0x22, 0xc3, 0xa9, 0x22]));
});

describe('A1.5 what canonical JSON forbids is refused wherever it stands', () => {
  const nested = (levels: number): JsonValue => {
    let value: JsonValue = 1;
    for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { a: value };
    return value;
  };
  test.each<[string, unknown, string]>([
    ['a float', { content: { n: [1, 1.5] } }, 'content.n.1'],
    ['an integer beyond 2^53-1', { content: { n: 2 ** 53 } }, 'content.n'],
    ['an integer below -(2^53-1)', [-(2 ** 53)], '0'],
    ['negative zero', { n: -0 }, 'n'],
    ['NaN', { n: Number.NaN }, 'n'],
    ['Infinity', { n: Number.POSITIVE_INFINITY }, 'n'],
    ['half of a surrogate pair', { a: { b: 'x\ud800' } }, 'a.b'],
    ['half of a surrogate pair in a key', { a: { '\udc00': 1 } }, 'a.\udc00'],
    ['undefined in an array', [undefined], '0'],
    ['a bigint', { n: 1n }, 'n'],
    ['a function', { toJSON: () => 1 }, 'toJSON'],
    ['an instance', { at: new Date(0) }, 'at'],
    ['bytes', { bytes: new Uint8Array(1) }, 'bytes'],
    ['nesting that was cut out', { n: new NonCanonicalToken('depth', '') }, 'n'],
  ])('%s', (_name, value, path) => {
    expect(findNonCanonical(value)?.path).toBe(path);
    expect(isCanonical(value)).toBe(false);
    expect(() => canonicalJson(value as JsonValue)).toThrow(NonCanonicalError);
  });

  test('a number as a peer sent it, which only room versions before 6 allow and then write as it was sent', () => {
    const value = { n: new NonCanonicalToken('number', '1.0') };
    expect(findNonCanonical(value)?.path).toBe('n');
    expect(isCanonical(value)).toBe(false);
    expect(findNonCanonical(value, { looseNumbers: true })).toBeUndefined();
    expect(canonicalJson(value)).toBe('{"n":1.0}');
  });

  test('nesting of 100 levels passes and of 101 does not', () => {
    expect(findNonCanonical(nested(100))).toBeUndefined();
    expect(findNonCanonical(nested(101))?.kind).toBe('depth');
  });

  test('an object that holds itself is refused, not followed for ever', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(findNonCanonical(loop)?.kind).toBe('depth');
  });

  test('the ends of the range pass', () => {
    expect(canonicalJson([2 ** 53 - 1, -(2 ** 53) + 1, 0])).toBe('[9007199254740991,-9007199254740991,0]');
  });
});

const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().filter((n) => !Object.is(n, -0)),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '1', '10')), tie('value'), {
      maxKeys: 5,
      noNullPrototype: false,
    }),
  ),
})).value;

test('any value survives being written and parsed, and is then written the same', () => {
  fc.assert(
    fc.property(json, (value) => {
      const written = canonicalJson(value);
      const parsed = parseEventContent(written);
      expect(canonicalJson(parsed)).toBe(written);
      expect(JSON.parse(JSON.stringify(parsed))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('another implementation writes any value the same', () => {
  fc.assert(
    fc.property(json, (value) => {
      let written = '';
      walk(value, (chunk) => (written += chunk), compareByCodePoint);
      expect(canonicalJson(value)).toBe(written);
    }),
  );
});

test('the order of keys in the source makes no difference', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 8 }), (keys) => {
      const forwards = Object.fromEntries(keys.map((key) => [key, 1]));
      const backwards = Object.fromEntries([...keys].reverse().map((key) => [key, 1]));
      expect(canonicalJson(forwards)).toBe(canonicalJson(backwards));
      expect(Object.keys(JSON.parse(canonicalJson(forwards)))).toHaveLength(keys.length);
    }),
  );
});
