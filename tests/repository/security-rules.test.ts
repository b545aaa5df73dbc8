import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Rules of each class of vulnerabilities: `A1.1` to `A1.19`, and so on. Tests are named after the rule that they show. */
const RULES: Readonly<Record<string, number>> = {
  A1: 19,
  A2: 4,
  A3: 5,
  A4: 7,
  A5: 6,
  A6: 7,
  A7: 9,
  A8: 7,
  A9: 8,
  A10: 4,
};

/** Rules about what there is not yet. Whoever builds it writes the test and takes the rule out of this list. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  'A1.16': 'device keys',
  'A5.6': 'push to gateways',
  'A7.6': 'e-mail addresses and single sign-on',
  'A7.7': 'single sign-on',
  'A9.4': 'encrypted messages',
  'A9.5': 'the bridge to IRC',
  'A9.6': 'bridges',
  'A9.7': 'bridges',
  'A9.8': 'bridges',
};

const TESTS = fileURLToPath(new URL('..', import.meta.url));
const THIS_FILE = fileURLToPath(import.meta.url);
/** Tests, and the titles of what the torture runs do to a server. */
const HAS_TITLES = /\.test\.tsx?$|[\\/]behaviours[\\/]/;
const ID = /\bA\d{1,2}\.\d{1,2}\b/g;

const named = new Set<string>();
for (const entry of await readdir(TESTS, { recursive: true, withFileTypes: true })) {
  const file = path.join(entry.parentPath, entry.name);
  if (!entry.isFile() || !HAS_TITLES.test(file) || file === THIS_FILE) continue;
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    if (/^\s*(\/\/|\/?\*)/.test(line)) continue;
    // Ids stand in the titles of tests, at their beginning or in brackets at their end.
    for (const [title] of line.matchAll(/(['"`])(?:(?!\1).)*\1/g)) for (const [id] of title.matchAll(ID)) named.add(id);
  }
}

const all = Object.entries(RULES).flatMap(([group, count]) =>
  Array.from({ length: count }, (_, index) => `${group}.${index + 1}`),
);

describe('security rules', () => {
  test.each(all)('%s has a test of its name, unless it is about what there is not yet', (id) => {
    if (id in NOT_BUILT) expect(named.has(id), `${id} has a test now: take it out of the list`).toBe(false);
    else expect(named.has(id), `no test is named after ${id}`).toBe(true);
  });

  test('no test is named after a rule that there is not', () => {
    expect([...named].filter((id) => !all.includes(id))).toEqual([]);
  });
});
