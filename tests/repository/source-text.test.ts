import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = /\.(png|jpe?g|gif|webp|ico|woff2?|gz)$/;

const listed = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: REPOSITORY, maxBuffer: 1 << 24 });
const files = listed.stdout.split('\0').filter((file) => file !== '' && !BINARY.test(file));
const texts = new Map<string, string>();
// One that has just been deleted is still listed.
for (const file of files)
  texts.set(file, await readFile(new URL(`../../${file}`, import.meta.url), 'utf8').catch(() => ''));

/** Lines of the files that a pattern matches, as `file:line: text`. */
function matches(pattern: RegExp, among: (file: string) => boolean = () => true): string[] {
  return [...texts].flatMap(([file, text]) =>
    among(file)
      ? text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : []))
      : [],
  );
}

test('nothing names a folder of the machine on which it was written', () => {
  expect(matches(/(?<![\w.~$}*\\])\/(?:home|root|Users|work|workspace|mnt)\/[\w.-]+/)).toEqual([]);
});

test('nothing refers to numbers of a tracker that readers do not have', () => {
  expect(matches(/\b(?:issues?|tickets?|pull requests?) #?\d/i)).toEqual([]);
});

test('the lock file says what packages are, not where somebody got them from', () => {
  const lock = JSON.parse(texts.get('package-lock.json') ?? '') as {
    packages: Record<string, { resolved?: string; integrity?: string; link?: boolean }>;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path.startsWith('node_modules/'));
  expect(packages.length).toBeGreaterThan(100);
  for (const [path, { resolved, integrity, link }] of packages) {
    expect(resolved === undefined || link === true, path).toBe(true);
    expect(link === true || integrity?.startsWith('sha512-'), path).toBe(true);
  }
  expect(matches(/https?:\/\/[\w.-]*(?:registry|npmjs|npmmirror|pypi|artifactory|verdaccio)[\w.-]*/)).toEqual([]);
});

test('nothing is left to be done', () => {
  expect(matches(/\b(?:TO[D]O|FIX[M]E|XX[X])\b/)).toEqual([]);
});

test('A10.2 no answer is a Web Stream: they do not wait for a slow reader', () => {
  expect(
    matches(/ReadableStream\b(?<!NodeJS\.ReadableStream)|\.toWeb\(|new Response\(/, (file) =>
      file.startsWith('server/src/'),
    ),
  ).toEqual([]);
});
