import { describe, expect, test } from 'vitest';
import { canonicalJson, findNonCanonical } from '../../server/src/protocol/canonical-json.ts';
import { isJsonObject, NonCanonicalToken } from '../../server/src/protocol/json.ts';
import {
  JsonRefusal,
  parseEventContent,
  parseJson,
  parsePeerJson,
  parseStoredJson,
} from '../../server/src/protocol/json-parser.ts';
import { fc } from '../harness/properties.ts';

const parsers = { parseJson, parseEventContent, parsePeerJson };

function refusalOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof JsonRefusal) return error.reason;
    throw error;
  }
  return 'none';
}

describe.each(Object.entries(parsers))('%s', (_name, parse) => {
  test('A9.1 objects have no prototype, and __proto__ is a key like any other', () => {
    const value = parse('{"a":[{"__proto__":{"polluted":1}}]}') as { a: Record<string, unknown>[] };
    expect(Object.getPrototypeOf(value)).toBeNull();
    const inner = value.a[0] as Record<string, unknown>;
    expect(Object.getPrototypeOf(inner)).toBeNull();
    expect(Object.keys(inner)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('of a repeated key the last value counts', () => {
    expect(parse('{"a":1,"a":2}')).toEqual({ a: 2 });
  });

  test('what is not JSON is refused as such', () => {
    for (const text of ['', '{', '{"a":}', 'nul', "{'a':1}", '[1,]', '"\n"', '01', '1.', '-', '\ufeff{}', '{"a":1}x']) {
      expect(
        refusalOf(() => parse(text)),
        JSON.stringify(text),
      ).toBe('syntax');
    }
  });

  test('bytes that are not UTF-8 are refused, and a byte order mark too', () => {
    expect(refusalOf(() => parse(Uint8Array.of(0x22, 0xff, 0x22)))).toBe('syntax');
    expect(refusalOf(() => parse(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)))).toBe('syntax');
    expect(refusalOf(() => parse(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)))).toBe('syntax');
    expect(parse(new TextEncoder().encode('{"a":"é🦊"}'))).toEqual({ a: 'é🦊' });
  });

  test('200,000 opening brackets are refused without recursion', () => {
    expect(refusalOf(() => parse('['.repeat(200_000)))).not.toBe('none');
    expect(refusalOf(() => parse('{"a":'.repeat(200_000)))).not.toBe('none');
  });

  test('100 levels of nesting pass', () => {
    expect(refusalOf(() => parse(`${'['.repeat(100)}${']'.repeat(100)}`))).toBe('none');
  });

  test('brackets within strings do not count, however their quotes are escaped', () => {
    const text = JSON.stringify(['['.repeat(200), '\\', '\\"[', `${'\\"'.repeat(200)}[[`, '[']);
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test('nothing is thrown but a refusal', () => {
    const noise = fc.array(
      fc.constantFrom(...'{}[]",:\\ueE.+-019dD8fF \n', 'null', 'true', '"a"', '1.0', '\\ud800', '__proto__'),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          noise.map((parts) => parts.join('')),
          fc.json(),
          fc.string(),
        ),
        (text) => {
          const refusal = refusalOf(() => parse(text));
          let native = true;
          try {
            JSON.parse(text);
          } catch {
            native = false;
          }
          expect(refusal === 'syntax').toBe(!native);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

const forbiddenNumbers = [
  '1.5',
  '1.0',
  '1e2',
  '1E2',
  '-0',
  '-0.0',
  '0e0',
  '9007199254740992',
  '9007199254740993',
  '-9007199254740992',
  '1e400',
  '123456789012345678901234567890',
];
const allowedNumbers = ['0', '1', '-1', '9007199254740991', '-9007199254740991', '1000000000000000'];

describe('numbers', () => {
  test('a body that is no event content may hold any number', () => {
    expect(parseJson('{"order":0.25,"n":1e2,"z":-0}')).toEqual({ order: 0.25, n: 100, z: -0 });
  });

  test.each(forbiddenNumbers)('A1.5 event content keeps %s as it is sent, for the room version to judge', (number) => {
    const content = parseEventContent(`{"a":[${number}]}`);
    expect(content).toEqual({ a: [new NonCanonicalToken('number', number)] });
    expect(findNonCanonical(content)).toMatchObject({ path: 'a.0', kind: 'number' });
    expect(findNonCanonical(content, { looseNumbers: true })).toBeUndefined();
    expect(JSON.stringify(content)).toBe(`{"a":[${number}]}`);
  });

  test.each([...forbiddenNumbers, ...allowedNumbers])('%s is read back as it was stored', (number) => {
    for (const text of [`{"a":${number}}`, `{"a":[${number},"b"]}`, `[1,${number}]`])
      expect(canonicalJson(parseStoredJson(text)), text).toBe(text);
  });

  test.each(forbiddenNumbers)('A1.5 a peer that sends %s spoils only the event that holds it', (number) => {
    const { pdus } = parsePeerJson(`{"pdus":[{"depth":1},{"depth":${number},"b":"x"}]}`) as {
      pdus: { depth: unknown }[];
    };
    expect(findNonCanonical(pdus[0])).toBeUndefined();
    expect(findNonCanonical(pdus[1])).toMatchObject({ path: 'depth', kind: 'number' });
    expect(pdus[1]?.depth).toEqual(new NonCanonicalToken('number', number));
    expect(isJsonObject(pdus[1]?.depth)).toBe(false);
    expect(Object.getPrototypeOf(pdus[1])).toBeNull();
  });

  test.each(allowedNumbers)('%s passes', (number) => {
    expect(parseEventContent(`[${number}]`)).toEqual([Number(number)]);
    expect(parsePeerJson(`[${number},1.5]`)).toEqual([Number(number), new NonCanonicalToken('number', '1.5')]);
  });

  test('digits in strings are no numbers', () => {
    expect(parseEventContent('{"1.5":"1.5 -0 1e2 \\" 2.5"}')).toEqual({ '1.5': '1.5 -0 1e2 " 2.5' });
  });
});

describe('nesting', () => {
  const deep = `${'{"a":['.repeat(80)}1${']}'.repeat(80)}`;

  test('a body that nests more than 100 levels is refused', () => {
    expect(refusalOf(() => parseJson(deep))).toBe('depth');
    expect(refusalOf(() => parseEventContent(deep))).toBe('depth');
  });

  test('A1.6 a peer that nests too deeply spoils only the event that does', () => {
    const { pdus } = parsePeerJson(`{"pdus":[{"n":1},{"x":${deep}},{"n":2,"y":"]"}],"edus":[]}`) as { pdus: unknown[] };
    expect(pdus.map((pdu) => findNonCanonical(pdu)?.kind)).toEqual([undefined, 'depth', undefined]);
    expect(pdus[2]).toEqual({ n: 2, y: ']' });
  });

  test('cutting a part out does not make JSON of what is none', () => {
    expect(refusalOf(() => parsePeerJson(`{"pdus":[${deep} 1]}`))).toBe('syntax');
    expect(refusalOf(() => parsePeerJson(`[${deep}`))).toBe('syntax');
  });
});

describe('halves of surrogate pairs', () => {
  test('event content refuses them, escaped or raw, in keys and values', () => {
    for (const text of ['"\\ud800"', '"\\uDFFF"', '["\\ud800\\ud800"]', '{"\\udc00":1}', '"\ud800"']) {
      expect(
        refusalOf(() => parseEventContent(text)),
        JSON.stringify(text),
      ).toBe('surrogate');
    }
    expect(parseEventContent('"\\ud83e\\udd8a"')).toBe('🦊');
  });

  test('from a peer they are kept, and the event that holds them is refused', () => {
    const [bad, good] = parsePeerJson('[{"a":"\\ud800"},{"a":"b"}]') as unknown[];
    expect(findNonCanonical(bad)?.kind).toBe('surrogate');
    expect(findNonCanonical(good)).toBeUndefined();
  });
});
