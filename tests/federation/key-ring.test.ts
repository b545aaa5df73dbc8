import { expect, test } from 'vitest';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { signJson } from '../../server/src/protocol/signing.ts';
import { readServerKeys } from '../../server/src/storage/server-keys.ts';
import { testDatabase } from '../harness/test-database.ts';
import { newKey, type PublishedKeys, sendJson, startScriptedPeer, testFederation } from './federation-scene.ts';
import { manualClock } from './manual-clock.ts';

const db = await testDatabase();
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SERVER = '/_matrix/key/v2/server';
const QUERY = '/_matrix/key/v2/query';

async function scene(notaries: readonly string[] = []) {
  const clock = manualClock(Date.now());
  const peer = await startScriptedPeer(clock);
  const { keyRing } = await testFederation(db, { clock, notaries });
  const key = peer.keys.current[0] ?? newKey('none');
  const get = async (keyId: string, validAt?: number, ring = keyRing) =>
    (await ring.fetch([{ serverName: peer.serverName, keyId, validAt }])).get(peer.serverName, keyId, validAt);
  return { clock, peer, keyRing, key, get };
}

test("a key is fetched from its server once and then known, also to the database's other processes", async () => {
  const { clock, peer, key, get } = await scene();
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
  const other = await testFederation(db, { clock });
  expect(await get('ed25519:k1', clock.now(), other.keyRing)).toBe(key.publicKey);
  expect(peer.requests(SERVER)).toBe(1);
});

test('keys that are wanted at the same time are one request per server', async () => {
  const { clock, peer, keyRing, key } = await scene();
  const second = await startScriptedPeer(clock);
  const wanted = [peer, second].flatMap(({ serverName }) =>
    Array.from({ length: 20 }, (_, i) => ({ serverName, keyId: `ed25519:k${i}`, validAt: clock.now() - i })),
  );
  const [found] = await Promise.all([keyRing.fetch(wanted), keyRing.fetch(wanted), keyRing.fetch(wanted)]);
  expect(found?.get(peer.serverName, 'ed25519:k1', clock.now())).toBe(key.publicKey);
  expect(found?.get(second.serverName, 'ed25519:k1')).toBe(second.keys.current[0]?.publicKey);
  expect(found?.get(second.serverName, 'ed25519:k2')).toBeUndefined();
  expect([peer.requests(SERVER), second.requests(SERVER)]).toEqual([1, 1]);
});

test('A1.18 a key counts up to valid_until_ts and no further', async () => {
  const { clock, peer, key, get } = await scene();
  expect(await get('ed25519:k1', peer.keys.validUntil)).toBe(key.publicKey);
  expect(await get('ed25519:k1', peer.keys.validUntil + 1)).toBeUndefined();
  expect(await get('ed25519:k1', clock.now() - 100 * DAY)).toBe(key.publicKey);
});

test('A1.18 a key counts for seven days at most, whatever its server says', async () => {
  const { clock, peer, key, get } = await scene();
  peer.keys.validUntil = clock.now() + 1000 * DAY;
  expect(await get('ed25519:k1', clock.now() + 7 * DAY)).toBe(key.publicKey);
  expect(await get('ed25519:k1', clock.now() + 7 * DAY + 1)).toBeUndefined();
});

test('events of room versions 1 to 4 do not ask until when a key is valid', async () => {
  const { clock, peer, key, get } = await scene();
  peer.keys.validUntil = clock.now() - 100 * DAY;
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
  expect(await get('ed25519:k1')).toBe(key.publicKey);
});

test('a key that has run out is fetched again', async () => {
  const { clock, peer, key, get } = await scene();
  await get('ed25519:k1', clock.now());
  clock.advance(DAY + 1);
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
  peer.keys.validUntil = clock.now() + DAY;
  clock.advance(10_000);
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
});

test('A1.18 an old key counts up to the moment it was retired', async () => {
  const { clock, peer, key, get } = await scene();
  peer.keys.current = [newKey('k2')];
  peer.keys.old = [{ key, expiredTs: clock.now() - DAY }];
  expect(await get('ed25519:k1', clock.now() - DAY)).toBe(key.publicKey);
  expect(await get('ed25519:k1', clock.now() - DAY + 1)).toBeUndefined();
  expect(await get('ed25519:k2', clock.now())).toBe(peer.keys.current[0]?.publicKey);
});

test('A1.18 an old key counts for seven days at most too, and not where it names no moment', async () => {
  const { clock, peer, get } = await scene();
  const [later, never] = [newKey('later'), newKey('never')];
  peer.keys.old = [
    { key: later, expiredTs: clock.now() + 1000 * DAY },
    { key: never, expiredTs: '9999999999999' as never },
  ];
  expect(await get('ed25519:later', clock.now() + 7 * DAY)).toBe(later.publicKey);
  expect(await get('ed25519:later', clock.now() + 7 * DAY + 1)).toBeUndefined();
  expect(await get('ed25519:never')).toBeUndefined();
});

test('a key that is both current and old is current', async () => {
  const { clock, peer, key, get } = await scene();
  peer.keys.old = [{ key, expiredTs: clock.now() - DAY }];
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
});

test('A1.18 a key that its server retires is no longer valid from then on, although it was to be', async () => {
  const { clock, peer, key, get } = await scene();
  await get('ed25519:k1', clock.now());
  const retiredAt = clock.now() + HOUR;
  clock.advance(2 * HOUR);
  peer.keys.old = [{ key, expiredTs: retiredAt }];
  peer.keys.current = [newKey('k2')];
  await get('ed25519:k2', clock.now());
  expect(await get('ed25519:k1', retiredAt)).toBe(key.publicKey);
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
});

const BAD: [title: string, change: (keys: PublishedKeys) => void][] = [
  ['signed by no key that it lists', (keys) => Object.assign(keys, { signers: [newKey('k9')] })],
  ['not signed', (keys) => Object.assign(keys, { signers: [] })],
  ['signed wrongly under the id of a key', (keys) => Object.assign(keys, { signers: [newKey('k1')] })],
  ['about another server', (keys) => Object.assign(keys, { serverName: 'other.example' })],
  ['valid until no number', (keys) => Object.assign(keys, { validUntil: '9999999999999' })],
  [
    'full of more than a hundred keys',
    (keys) => {
      keys.signers = [...keys.current];
      for (let n = 0; n < 100; n++) keys.current.push(newKey(`more${n}`));
    },
  ],
];

test.each(BAD)('an answer that is %s is not believed', async (_title, change) => {
  const { clock, peer, get } = await scene();
  change(peer.keys);
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
});

test('A5.3 an answer of more than 64 KiB is not read', async () => {
  const { clock, peer, get } = await scene();
  peer.keys.extra = { padding: 'x'.repeat(64 * 1024) };
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
});

test('A1.18 failures are waited out, with longer waits, and are never taken for keys', async () => {
  const { clock, peer, key, get } = await scene();
  peer.isUp = false;
  const tries: number[] = [];
  for (let second = 0; second < 60; second++) {
    expect(await get('ed25519:k1', clock.now())).toBeUndefined();
    tries.push(peer.requests(SERVER));
    clock.advance(1_000);
  }
  // At 0, 5, 15 and 35 seconds.
  expect([tries[4], tries[5], tries[14], tries[15], tries[34], tries[35], tries[59]]).toEqual([1, 2, 2, 3, 3, 4, 4]);
  peer.isUp = true;
  clock.advance(120_000);
  peer.keys.validUntil = clock.now() + DAY;
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
});

test('A1.18 made-up key ids make a server be asked once in ten seconds at most', async () => {
  const { clock, peer, get } = await scene();
  for (let i = 0; i < 50; i++) {
    expect(await get(`ed25519:made_up_${i}`, clock.now())).toBeUndefined();
    clock.advance(400);
  }
  expect(peer.requests(SERVER)).toBe(2);
});

test('our own keys are known without asking', async () => {
  const { keyRing, ownKeys } = await testFederation(db);
  const { keyId, publicKey } = ownKeys.current;
  const found = await keyRing.fetch([{ serverName: ownKeys.serverName, keyId, validAt: Date.now() }]);
  expect(found.get(ownKeys.serverName, keyId, Date.now())).toBe(publicKey);
  expect(found.get(ownKeys.serverName, 'ed25519:other')).toBeUndefined();
});

/** A notary that signs what the test lets it say. */
async function notaryScene() {
  const clock = manualClock(Date.now());
  const notary = await startScriptedPeer(clock);
  const origin = await startScriptedPeer(clock);
  const says: JsonObject[] = [];
  const asked: unknown[] = [];
  notary.handle = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    asked.push(JSON.parse(Buffer.concat(chunks).toString()));
    const key = notary.keys.current[0] ?? newKey('none');
    sendJson(response, { server_keys: says.map((answer) => signJson(answer, notary.serverName, key)) });
  };
  const { keyRing } = await testFederation(db, { clock, notaries: [notary.serverName] });
  const get = async (keyId: string, validAt?: number) =>
    (await keyRing.fetch([{ serverName: origin.serverName, keyId, validAt }])).get(origin.serverName, keyId, validAt);
  return { clock, notary, origin, says, asked, keyRing, get, key: origin.keys.current[0] ?? newKey('none') };
}

test('a notary is asked for the keys of a server that is away, and for how long they must be valid', async () => {
  const { clock, notary, origin, says, asked, get, key } = await notaryScene();
  says.push(origin.keyAnswer());
  origin.isUp = false;
  const now = clock.now();
  expect(await get('ed25519:k1', now)).toBe(key.publicKey);
  const criteria = { 'ed25519:k1': { minimum_valid_until_ts: now } };
  expect(asked).toEqual([{ server_keys: { [origin.serverName]: criteria } }]);
  expect(notary.requests(QUERY)).toBe(1);
});

test('a notary is not asked for what a server tells itself', async () => {
  const { clock, notary, get, key } = await notaryScene();
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
  expect(notary.requests(QUERY)).toBe(0);
});

test('A1.18 a poisoned notary cannot replace a key that the server has told itself', async () => {
  const { clock, origin, says, get, key } = await notaryScene();
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
  const forged = newKey('k1');
  origin.keys.current = [forged, newKey('k2')];
  says.push(origin.keyAnswer());
  origin.isUp = false;
  clock.advance(20_000);
  expect(await get('ed25519:k2', clock.now())).toBeUndefined();
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
});

test("A1.18 a server's own answer replaces what a notary had said", async () => {
  const { clock, origin, says, get, key } = await notaryScene();
  const forged = newKey('k1');
  origin.keys.current = [forged];
  says.push(origin.keyAnswer());
  origin.isUp = false;
  expect(await get('ed25519:k1', clock.now())).toBe(forged.publicKey);
  origin.keys.current = [key];
  origin.isUp = true;
  clock.advance(10_000);
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
});

test('A1.18 a key that only a notary knows does not count after its server has answered without it', async () => {
  const { clock, origin, says, get } = await notaryScene();
  const lost = newKey('lost');
  const { current } = origin.keys;
  origin.keys.current = [lost];
  says.push(origin.keyAnswer());
  origin.keys.current = current;
  const before = clock.now();
  expect(await get('ed25519:lost', before)).toBe(lost.publicKey);
  clock.advance(HOUR);
  expect(await get('ed25519:lost', clock.now())).toBeUndefined();
  expect(await get('ed25519:lost', before - DAY)).toBe(lost.publicKey);
});

test.each([
  ['that the server has not signed', (answer: JsonObject) => ({ ...answer, signatures: {} })],
  ['about a server that was not asked for', (answer: JsonObject) => ({ ...answer, server_name: 'other.example' })],
  ['that was changed on the way', (answer: JsonObject) => ({ ...answer, valid_until_ts: 9_999_999_999_999 })],
])('an answer of a notary %s is not believed', async (_title, change) => {
  const { clock, origin, says, get } = await notaryScene();
  says.push(change(origin.keyAnswer()));
  origin.isUp = false;
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
});

test('whoever listens is told whose keys were learned, from a notary too, and of nothing that failed', async () => {
  const { clock, notary, origin, says, keyRing, get } = await notaryScene();
  const learned: string[] = [];
  const stored: Promise<unknown[]>[] = [];
  const stop = keyRing.onLearned((server) => {
    learned.push(server);
    stored.push(readServerKeys(db, [server]));
  });
  origin.isUp = false;
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
  expect(learned).toEqual([notary.serverName]);
  says.push(origin.keyAnswer());
  clock.advance(HOUR);
  await get('ed25519:k1', clock.now() - HOUR);
  expect(learned).toContain(origin.serverName);
  // They are there already when it is said.
  expect((await Promise.all(stored)).every((keys) => keys.length > 0)).toBe(true);
  stop();
  learned.length = 0;
  origin.isUp = true;
  clock.advance(HOUR);
  await get('ed25519:k2');
  expect(learned).toEqual([]);
});

test('A1.18 what a notary says of a server that it was not asked about is not kept', async () => {
  const { clock, says, origin, get, key } = await notaryScene();
  const other = await startScriptedPeer(clock);
  says.push(other.keyAnswer(), origin.keyAnswer());
  origin.isUp = false;
  expect(await get('ed25519:k1', clock.now())).toBe(key.publicKey);
  expect(await readServerKeys(db, [other.serverName])).toEqual([]);
});

test('an answer that the notary has not signed is not believed', async () => {
  const { clock, notary, origin, get } = await notaryScene();
  const answer = origin.keyAnswer();
  notary.handle = (request, response) =>
    request.resume().on('end', () => sendJson(response, { server_keys: [answer] }));
  origin.isUp = false;
  expect(await get('ed25519:k1', clock.now())).toBeUndefined();
});
