import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const source = fileURLToPath(new URL('../../client-web/src/', import.meta.url));
const locales = path.join(source, 'locales');

/** `problem.tooMany_one` and `_other` are two texts of one key, which each language splits as its grammar wants. */
function keysOf(texts: object, prefix = ''): string[] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'object'
      ? keysOf(value, `${prefix}${key}.`)
      : [prefix + key.replace(/_(zero|one|two|few|many|other)$/, '')],
  );
}

function textsOf(texts: object): string[] {
  return Object.values(texts).flatMap((value) => (typeof value === 'object' ? textsOf(value) : [value]));
}

async function readTexts(language: string, file: string): Promise<object> {
  return JSON.parse(await readFile(path.join(locales, language, file), 'utf8'));
}

const files = (await readdir(path.join(locales, 'en'))).sort();
const languages = (await readdir(locales, { withFileTypes: true })).filter((entry) => entry.isDirectory());
const others = languages.map(({ name }) => name).filter((name) => name !== 'en');

describe.each(others)('the texts in "%s"', (language) => {
  test.each(files)('%s says everything that the English one says', async (file) => {
    const wanted = new Set(keysOf(await readTexts('en', file)));
    expect(new Set(keysOf(await readTexts(language, file)))).toEqual(wanted);
  });
});

describe('the English texts', () => {
  test.each(files)('%s keeps to plain words', async (file) => {
    for (const text of textsOf(await readTexts('en', file))) {
      expect(text).not.toMatch(/!|\bOops\b|\bM_[A-Z_]+\b|\.\.\./);
    }
  });

  test('hold every key that the views ask for', async () => {
    const missing: string[] = [];
    const entries = await readdir(source, { recursive: true });
    const known = new Map<string, Set<string>>();
    for (const file of files) known.set(file.replace('.json', ''), new Set(keysOf(await readTexts('en', file))));
    for (const entry of entries.filter((name) => name.endsWith('.tsx'))) {
      const code = await readFile(path.join(source, entry), 'utf8');
      // `const t = useT('room')` and `const common = useT('common')`, then `t('key'…`.
      for (const [, name, namespace] of code.matchAll(/const (\w+) = useT\('(\w+)'\)/g)) {
        const own = [...code.matchAll(new RegExp(`const ${name} = useT\\('(\\w+)'\\)`, 'g'))].map(
          ([, used]) => used ?? '',
        );
        for (const [, key] of code.matchAll(new RegExp(`\\b${name}\\('([\\w.-]+)'`, 'g'))) {
          // A file may use the same name for two namespaces, in two components.
          if (!own.some((used) => known.get(used)?.has(key ?? ''))) missing.push(`${entry}: ${namespace}.${key}`);
        }
      }
    }
    expect(missing).toEqual([]);
  });
});
