import { expect, test } from 'vitest';
import { shareStructure } from '../../client-web/src/matrix/structural-sharing.ts';
import { fc } from '../harness/properties.ts';

test('the result is equal to the new value, and is the old one where nothing changed', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (previous, next) => {
      expect(shareStructure(previous, next)).toEqual(next);
      expect(shareStructure(previous, structuredClone(previous))).toBe(previous);
    }),
  );
});

test('equal parts are those of the old value', () => {
  const previous = { a: { x: 1 }, b: [{ y: 1 }, { y: 2 }] };
  const next = shareStructure(previous, { a: { x: 1 }, b: [{ y: 1 }, { y: 3 }] });
  expect(next.a).toBe(previous.a);
  expect(next.b[0]).toBe(previous.b[0]);
  expect(next.b[1]).toEqual({ y: 3 });
});

test('a field of the new value is never compared with what every object inherits', () => {
  const next = JSON.parse('{"__proto__": "", "constructor": 1, "toString": {}}');
  expect(Object.keys(shareStructure({}, next))).toEqual(['__proto__', 'constructor', 'toString']);
});
