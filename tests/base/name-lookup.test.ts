import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemNameLookup } from '../../server/src/base/name-lookup.ts';

async function hostsFile(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-hosts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'hosts');
  await writeFile(path, text);
  return path;
}

test('localhost and names below it mean this machine, without asking anyone (RFC 6761)', async () => {
  const names = systemNameLookup({ hostsFile: '/nonexistent' });
  for (const name of ['localhost', 'LOCALHOST', 'a.localhost', 'localhost.'])
    expect(await names.addresses(name)).toEqual(['127.0.0.1', '::1']);
});

test('the hosts file comes first and is read again when it changes', async () => {
  const path = await hostsFile('# comment\n10.1.2.3\tMatrix.Test alias.test # more\n::5 matrix.test\n\nbroken');
  const names = systemNameLookup({ hostsFile: path });
  expect(await names.addresses('matrix.test')).toEqual(['10.1.2.3', '::5']);
  expect(await names.addresses('ALIAS.test.')).toEqual(['10.1.2.3']);
  await writeFile(path, '10.9.9.9 matrix.test');
  await utimes(path, 1, 1);
  expect(await names.addresses('matrix.test')).toEqual(['10.9.9.9']);
});
