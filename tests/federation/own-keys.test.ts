import { chmod, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSigningKey } from '../../server/src/federation/own-keys.ts';
import { isJsonObject } from '../../server/src/protocol/json.ts';
import { newSigningKeySeed, verifyJson } from '../../server/src/protocol/signing.ts';
import { encodeBase64 } from '../../server/src/protocol/unpadded-base64.ts';
import { testDatabase } from '../harness/test-database.ts';
import { watchSyncs } from '../harness/watch-syncs.ts';
import { temporaryFolder, testFederation } from './federation-scene.ts';
import { manualClock } from './manual-clock.ts';

const DAY = 86_400_000;

test('A1.17 a signing key is made at first start, readable by nobody else, and kept', async () => {
  const path = join(await temporaryFolder(), 'signing.key');
  const keys = await Promise.all([loadSigningKey(path), loadSigningKey(path), loadSigningKey(path)]);
  expect(new Set(keys.map((key) => key.publicKey)).size).toBe(1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, 'utf8')).toMatch(/^ed25519 a_[0-9a-f]{8} [A-Za-z0-9+/]{43}\n$/);
  const others = await Promise.all(
    Array.from({ length: 20 }, async () => (await loadSigningKey(join(await temporaryFolder(), 'k'))).publicKey),
  );
  expect(new Set(others).size).toBe(20);
});

test.runIf(process.platform === 'linux')(
  'a signing key is on disk, with its name, before anything is signed with it',
  async () => {
    const folder = await realpath(await temporaryFolder());
    const { synced, stop } = await watchSyncs();
    await loadSigningKey(join(folder, 'signing.key'));
    stop();
    expect(synced).toEqual([expect.stringContaining(join(folder, 'signing.key.')), folder]);
  },
);

test.each([
  ['readable by others', 'ed25519 a_1 nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2B', 0o644, /not private/],
  ['of zeroes', `ed25519 a_1 ${'A'.repeat(43)}`, 0o600, /guessable/],
  ['printed in the specification', 'ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1', 0o600, /guessable/],
  ['too short', 'ed25519 a_1 AAAA', 0o600, /32 bytes/],
  ['of another algorithm', 'rsa a_1 AAAA', 0o600, /does not hold/],
  [
    'with a version that no key id may have',
    'ed25519 a-1 nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2B',
    0o600,
    /version/,
  ],
  ['empty', '', 0o600, /does not hold/],
])('A1.17 a signing key that is %s is refused at start', async (_title, content, mode, message) => {
  const path = join(await temporaryFolder(), 'signing.key');
  await writeFile(path, content);
  await chmod(path, mode);
  await expect(loadSigningKey(path)).rejects.toThrow(message);
});

test('what is published is signed, valid for a day, and lists the keys of all processes', async () => {
  const db = await testDatabase();
  const clock = manualClock();
  const first = await testFederation(db, { clock });
  const second = await testFederation(db, { clock });
  clock.advance(1_000);
  const published = await first.ownKeys.published();
  const { current } = first.ownKeys;
  expect(published).toMatchObject({
    server_name: 'localhost:1',
    valid_until_ts: clock.now() + DAY,
    old_verify_keys: {},
  });
  expect(published.verify_keys).toEqual({
    [current.keyId]: { key: current.publicKey },
    [second.ownKeys.current.keyId]: { key: second.ownKeys.current.publicKey },
  });
  expect(
    verifyJson(published, 'localhost:1', (keyId) => (keyId === current.keyId ? current.publicKey : undefined)).ok,
  ).toBe(true);
});

test('a key that no process has used for a month is published as an old one', async () => {
  const db = await testDatabase();
  const clock = manualClock();
  const gone = await testFederation(db, { clock });
  const usedAt = clock.now();
  clock.advance(30 * DAY + 1);
  const { ownKeys } = await testFederation(db, { clock });
  const published = await ownKeys.published();
  const { keyId, publicKey } = gone.ownKeys.current;
  expect(isJsonObject(published.verify_keys) && Object.keys(published.verify_keys)).toEqual([ownKeys.current.keyId]);
  expect(published.old_verify_keys).toEqual({ [keyId]: { key: publicKey, expired_ts: usedAt + 3_600_000 } });
});

test('two keys under one id are refused at start', async () => {
  const db = await testDatabase();
  const folder = await temporaryFolder();
  const { ownKeys } = await testFederation(db, { folder });
  const other = await temporaryFolder();
  const seed = encodeBase64(newSigningKeySeed());
  await writeFile(join(other, 'signing.key'), `${ownKeys.current.keyId.replace(':', ' ')} ${seed}`, { mode: 0o600 });
  await expect(testFederation(db, { folder: other })).rejects.toThrow(/has the id/);
});
