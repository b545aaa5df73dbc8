import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

const dist = fileURLToPath(new URL('../../client-web/dist/', import.meta.url));
const assets = path.join(dist, 'assets');

const kB = 1000;

async function readAsset(name: string): Promise<string> {
  return await readFile(path.join(assets, name), 'utf8');
}

/** A file and everything that it imports at once, without what it may fetch later. */
async function withImports(names: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    const code = await readAsset(name);
    for (const [, imported] of code.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g))
      waiting.push(imported ?? '');
  }
  return found;
}

/** Bytes of JavaScript as a server would send them. */
async function gzipSize(names: Iterable<string>): Promise<number> {
  let size = 0;
  for (const name of names) size += gzipSync(await readFile(path.join(assets, name)), { level: 9 }).length;
  return size;
}

async function findAssets(...patterns: RegExp[]): Promise<string[]> {
  const names = await readdir(assets);
  return patterns.map((pattern) => {
    const found = names.filter((name) => pattern.test(name));
    if (found.length !== 1) throw new Error(`${pattern} fits ${found.length} files: ${found.join(', ')}`);
    return found[0] as string;
  });
}

describe.skipIf(!existsSync(assets))('the built web client', async () => {
  const html = existsSync(assets) ? await readFile(path.join(dist, 'index.html'), 'utf8') : '';
  const entry = [...html.matchAll(/(?:src|href)="\/assets\/([\w.-]+\.js)"/g)].map(([, name]) => name ?? '');
  const startOfEnglish = async () => await withImports([...entry, ...(await findAssets(/^en-[\w-]+\.js$/))]);

  test('needs at most 150 kB of JavaScript to show the sign-in page', async () => {
    expect(await gzipSize(await startOfEnglish())).toBeLessThanOrEqual(150 * kB);
  });

  test('needs at most 450 kB of JavaScript to show the signed-in frame with a room', async () => {
    const shell = await withImports(
      await findAssets(
        /^session-view-model-[\w-]+\.js$/,
        /^Shell-[\w-]+\.js$/,
        /^RoomRoute-[\w-]+\.js$/,
        /^RoomView-[\w-]+\.js$/,
      ),
    );
    const size = await gzipSize(new Set([...(await startOfEnglish()), ...shell]));
    expect(size).toBeLessThanOrEqual(450 * kB);
  });

  test('does not carry the Matrix SDK to the sign-in page', async () => {
    for (const name of await startOfEnglish())
      expect(await readAsset(name), name).not.toContain('PendingEventOrdering');
  });

  test('has nothing inline that a strict content security policy would refuse', () => {
    expect(html).toContain('script-src &#39;self&#39;');
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
  });
});
