import { describe, expect, test } from 'vitest';
import { compileGlob, compileWordGlob } from '../../server/src/protocol/glob.ts';
import { fc } from '../harness/properties.ts';

/** A text that counts how often it is looked at. */
class CountingText extends String {
  steps = 0;
  override codePointAt(at: number): number | undefined {
    this.steps++;
    return super.codePointAt(at);
  }
}

function stepsOf(match: (text: string) => boolean, text: string): number {
  const counting = new CountingText(text);
  match(counting as unknown as string);
  return counting.steps;
}

describe('a glob matches a whole text', () => {
  test.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['?', '', false],
    ['?', 'a', true],
    ['?', '🦊', true],
    ['??', '🦊', false],
    ['*?', '🦊', true],
    ['?*?', '🦊', false],
    ['*??', 'a🦊', true],
    ['a', 'A', false],
    ['a*c', 'abc', true],
    ['a*c', 'ac', true],
    ['a*c', 'abcd', false],
    ['*.example', 'one.example', true],
    ['*.example', 'example', false],
    ['a*a', 'a', false],
    ['*ab*ab*', 'xabyabz', true],
    ['*ab*ab', 'xab', false],
    ['**a**', 'bab', true],
    ['a?c*', 'abcdef', true],
    ['*bc?', 'abcbcd', true],
    ['[a-z].^$+(', '[a-z].^$+(', true],
    ['[a-z]', 'b', false],
  ])('%j on %j: %s', (pattern, text, matches) => {
    expect(compileGlob(pattern)(text)).toBe(matches);
  });

  test('case counts unless it is to be ignored', () => {
    expect(compileGlob('lunc?*', { ignoreCase: true })('Lunch plans')).toBe(true);
    expect(compileGlob('LUNC?*', { ignoreCase: true })('LUNCH')).toBe(true);
    expect(compileGlob('lunc?*', { ignoreCase: true })(' lunch')).toBe(false);
    expect(compileGlob('lunc?*', { ignoreCase: true })('lunc')).toBe(false);
  });

  test('a question mark stands for itself if it is to be taken literally', () => {
    expect(compileGlob('a?*', { literalQuestionMark: true })('a?b')).toBe(true);
    expect(compileGlob('a?*', { literalQuestionMark: true })('acb')).toBe(false);
    expect(compileGlob('A?*', { literalQuestionMark: true, ignoreCase: true })('a?B')).toBe(true);
  });

  test('it agrees with a regular expression on every short pattern and text', () => {
    const text = fc.array(fc.constantFrom('a', 'b', '🦊'), { maxLength: 8 }).map((chars) => chars.join(''));
    const pattern = fc
      .array(fc.constantFrom('a', 'b', '🦊', '?', '*'), { maxLength: 6 })
      .map((chars) => chars.join(''));
    fc.assert(
      fc.property(pattern, text, (glob, subject) => {
        const regex = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
        expect(compileGlob(glob)(subject)).toBe(regex.test(subject));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a word glob matches part of a text between word boundaries', () => {
  test.each([
    ['ex*ple', 'an example event.', true],
    ['ex*ple', 'exple', true],
    ['ex*ple', 'an exciting triple-whammy', true],
    ['ex*ple', 'an examples', false],
    ['ex*ple', 'anexample', false],
    ['cake', 'i like cake!', true],
    ['cake', 'pancake', false],
    ['cake', 'cakes', false],
    ['cake', 'cake_', false],
    ['cake', 'pancake cake', true],
    ['cake', 'ücake', true],
    ['cake*lie', 'cake is a lie', true],
    ['cake*lie', 'cake believed', false],
    ['*', '', true],
    ['', '', true],
    ['c?ke', 'the coke', true],
    ['-foo', 'a-foo', true],
    ['🦊', 'a🦊b', true],
    ['foo*', 'x foobar', true],
    ['*foo', 'barfoo x', true],
  ])('%j on %j: %s', (pattern, text, matches) => {
    expect(compileWordGlob(pattern)(text)).toBe(matches);
  });

  test('it agrees with a regular expression on every short pattern and text', () => {
    const text = fc.array(fc.constantFrom('a', 'b', ' ', '-'), { maxLength: 8 }).map((chars) => chars.join(''));
    const pattern = fc.array(fc.constantFrom('a', 'b', ' ', '?', '*'), { maxLength: 5 }).map((chars) => chars.join(''));
    fc.assert(
      fc.property(pattern, text, (glob, subject) => {
        const middle = glob.replaceAll('*', '.*').replaceAll('?', '.');
        const regex = new RegExp(`(?<![a-z](?=[a-z]))${middle}(?!(?<=[a-z])[a-z])`, 's');
        expect(compileWordGlob(glob)(subject)).toBe(regex.test(subject));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('A8.1 hostile patterns take no more steps than text times longest stretch', () => {
  test.each([
    ['*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b', 'a'.repeat(2000)],
    [`${'*a'.repeat(500)}b`, 'a'.repeat(2000)],
    [`${'*?'.repeat(500)}b`, 'a'.repeat(2000)],
    [`*${'?'.repeat(100)}b*`, 'a'.repeat(2000)],
    [`*${'a'.repeat(100)}b*${'a'.repeat(100)}b`, 'a'.repeat(2000)],
    ['*'.repeat(1000), 'a'.repeat(2000)],
  ])('%s', (pattern, text) => {
    const longest = Math.max(...pattern.split('*').map((stretch) => stretch.length));
    const bound = 4 * (text.length + pattern.length) * (longest + 1);
    expect(stepsOf(compileGlob(pattern), text)).toBeLessThan(bound);
    expect(stepsOf(compileWordGlob(pattern), text)).toBeLessThan(bound);
  });

  test('any pattern', () => {
    const pattern = fc.array(fc.constantFrom('a', '?', '*'), { maxLength: 60 }).map((chars) => chars.join(''));
    fc.assert(
      fc.property(pattern, fc.integer({ min: 0, max: 300 }), (glob, length) => {
        const longest = Math.max(...glob.split('*').map((stretch) => stretch.length));
        const bound = 4 * (length + glob.length + 1) * (longest + 1);
        expect(stepsOf(compileGlob(`${glob}b`), 'a'.repeat(length))).toBeLessThanOrEqual(bound);
        expect(stepsOf(compileWordGlob(`${glob}b`), 'a'.repeat(length))).toBeLessThanOrEqual(bound);
      }),
    );
  });
});
