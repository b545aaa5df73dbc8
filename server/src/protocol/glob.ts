/**
 * Glob patterns (specification, "Appendices", "Glob-style matching"): `*` stands for any characters, `?` for exactly one, which
 * is a code point. Patterns come from strangers (server ACLs, push rules), so matching never goes back over what it has
 * passed: it takes at most as many steps as the text has characters times the longest stretch of the pattern without `*`.
 */

export interface GlobOptions {
  readonly ignoreCase?: boolean;
  /** Whether `?` stands for itself, as in filters, which know only `*`. */
  readonly literalQuestionMark?: boolean;
}

const ANY = -1;

/** Code points of a stretch of the pattern without `*`, with `ANY` for `?`. */
type Stretch = readonly number[];

/** A test whether a whole text matches the pattern. Compile once, test often. */
export function compileGlob(pattern: string, options: GlobOptions = {}): (text: string) => boolean {
  if (options.ignoreCase) {
    const matches = compileGlob(pattern.toLowerCase(), { ...options, ignoreCase: false });
    return (text) => matches(text.toLowerCase());
  }
  if (!/[*?]/.test(pattern)) return (text) => text === pattern;
  const stretches = compile(pattern, options.literalQuestionMark ? '' : '?');
  return (text) => matchWhole(stretches, text);
}

/**
 * A test whether some part of a text matches the pattern, ignoring case, that starts and ends at a word boundary: the ends of
 * the text, and on either side of any character but `A-Z`, `a-z`, `0-9` and `_` (Client-Server API, push rules on
 * `content.body`). The text must be in lower case already: it is tested against many patterns.
 */
export function compileWordGlob(pattern: string): (lowerCaseText: string) => boolean {
  const stretches = compile(pattern.toLowerCase());
  return (text) => matchWords(stretches, text);
}

/** Whether the words occur in the text as they are, between the word boundaries of `compileWordGlob`. Both in lower case. */
export function containsWords(lowerCaseText: string, lowerCaseWords: string): boolean {
  return matchWords([Array.from(lowerCaseWords, (char) => char.codePointAt(0) as number)], lowerCaseText);
}

function compile(pattern: string, wildcard: '?' | '' = '?'): Stretch[] {
  return pattern
    .split('*')
    .map((stretch) => Array.from(stretch, (char) => (char === wildcard ? ANY : (char.codePointAt(0) as number))));
}

/** Whether the text is: the first stretch, the others in their order with anything between, the last one at the end. */
function matchWhole(stretches: readonly Stretch[], text: string): boolean {
  const [first = [], ...others] = stretches;
  const last = others.pop();
  let at = matchAt(first, text, 0);
  if (last === undefined) return at === text.length;
  for (const stretch of others) {
    if (at < 0) return false;
    // The first place found leaves the most room for the rest, so that no other has to be tried.
    at = findFrom(stretch, text, at);
  }
  const tail = startOfTail(text, last.length);
  return at >= 0 && tail >= at && matchAt(last, text, tail) === text.length;
}

function matchWords(stretches: readonly Stretch[], text: string): boolean {
  let at = 0;
  for (const [i, stretch] of stretches.entries()) {
    const isFirst = i === 0;
    const isLast = i === stretches.length - 1;
    at = findFrom(
      stretch,
      text,
      at,
      (start, end) => (!isFirst || isBoundary(text, start)) && (!isLast || isBoundary(text, end)),
    );
    if (at < 0) return false;
  }
  return true;
}

/** Index after the first place, from `from` on, where the stretch matches and `accepts` agrees; -1 if there is none. */
function findFrom(
  stretch: Stretch,
  text: string,
  from: number,
  accepts: (start: number, end: number) => boolean = () => true,
): number {
  for (let start = from; start <= text.length; start += width(text, start)) {
    const end = matchAt(stretch, text, start);
    if (end >= 0 && accepts(start, end)) return end;
  }
  return -1;
}

/** Index after the stretch, if the text has it at this place; else -1. */
function matchAt(stretch: Stretch, text: string, start: number): number {
  let at = start;
  for (const wanted of stretch) {
    const found = text.codePointAt(at);
    if (found === undefined || (wanted !== ANY && wanted !== found)) return -1;
    at += found > 0xffff ? 2 : 1;
  }
  return at;
}

/** Index of the last `count` code points of the text; -1 when it has fewer. */
function startOfTail(text: string, count: number): number {
  let at = text.length;
  for (let i = 0; i < count; i++) {
    if (at <= 0) return -1;
    at -= at > 1 && (text.codePointAt(at - 2) as number) > 0xffff ? 2 : 1;
  }
  return at;
}

function width(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

function isBoundary(text: string, at: number): boolean {
  return at === 0 || at === text.length || !isWordCharacter(text, at - 1) || !isWordCharacter(text, at);
}

function isWordCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) || code === 0x5f
  );
}
