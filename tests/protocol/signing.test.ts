import { createHash } from 'node:crypto';
import nacl from 'tweetnacl';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { NonCanonicalToken } from '../../server/src/protocol/json.ts';
import {
  newSigningKeySeed,
  type SigningKey,
  signatureKeyIds,
  signedBytes,
  signingKeyFromSeed,
  signJson,
  verifyJson,
  verifySignature,
  verifySignedBytes,
} from '../../server/src/protocol/signing.ts';
import { decodeBase64, encodeBase64 } from '../../server/src/protocol/unpadded-base64.ts';
import { fc } from '../harness/properties.ts';

/** The key of the appendices, by the independent implementation: our own refuses a seed that everybody knows. */
const vectorSeed = decodeBase64('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1') as Buffer;
const vectorPair = nacl.sign.keyPair.fromSeed(Uint8Array.from(vectorSeed));
const vectorKey: SigningKey = {
  keyId: 'ed25519:1',
  publicKey: encodeBase64(vectorPair.publicKey),
  sign: (bytes) => encodeBase64(nacl.sign.detached(Uint8Array.from(bytes), vectorPair.secretKey)),
};
const findVectorKey = (keyId: string) => (keyId === 'ed25519:1' ? vectorKey.publicKey : undefined);

describe('the vectors of the appendices', () => {
  test.each<[JsonObject, string]>([
    [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [{ one: 1, two: 'Two' }, 'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw'],
  ])('%j gets the signature of the appendices, and it is right', (object, signature) => {
    const signed = signJson(object, 'domain', vectorKey);
    expect(signed).toEqual({ ...object, signatures: { domain: { 'ed25519:1': signature } } });
    expect(verifyJson(signed, 'domain', findVectorKey)).toEqual({ ok: true });
  });

  test('A1.17 the seed of the appendices, and those of RFC 8032, make no key here', () => {
    for (const seed of [
      vectorSeed,
      Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'),
      Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'),
      Buffer.from('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7', 'hex'),
    ]) {
      expect(() => signingKeyFromSeed('1', seed)).toThrow(/guessable/);
    }
  });
});

describe('keys', () => {
  test('A1.17 seeds of zeros, of few bytes, counting, or of text are refused', () => {
    const counting = (step: number) => Uint8Array.from({ length: 32 }, (_, i) => (7 + i * step) % 256);
    for (const seed of [
      new Uint8Array(32),
      new Uint8Array(32).fill(0xff),
      Buffer.from('0123456789abcdef'.repeat(4), 'hex'),
      counting(1),
      counting(255),
      counting(8),
      new TextEncoder().encode('correct horse battery staple 123'),
    ]) {
      expect(() => signingKeyFromSeed('1', seed)).toThrow(/guessable/);
    }
  });

  test('A1.17 new seeds are 32 bytes, all different, and none is refused', () => {
    const seeds = Array.from({ length: 50 }, newSigningKeySeed);
    expect(new Set(seeds.map((seed) => seed.toString('hex'))).size).toBe(50);
    for (const seed of seeds) expect(() => signingKeyFromSeed('1', seed)).not.toThrow();
  });

  test('a seed of another length and a key version with other characters are refused', () => {
    expect(() => signingKeyFromSeed('1', newSigningKeySeed().subarray(1))).toThrow(/32 bytes/);
    expect(() => signingKeyFromSeed('a b', newSigningKeySeed())).toThrow(/key version/);
  });

  test('node:crypto and tweetnacl make the same key and the same signatures of a seed, and accept each other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        const seed = newSigningKeySeed();
        const ours = signingKeyFromSeed('a_1', seed);
        const pair = nacl.sign.keyPair.fromSeed(Uint8Array.from(seed));
        const signature = ours.sign(message);
        expect(ours.publicKey).toBe(encodeBase64(pair.publicKey));
        expect(signature).toBe(encodeBase64(nacl.sign.detached(message, pair.secretKey)));
        expect(verifySignature(message, signature, ours.publicKey)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe('signing JSON', () => {
  const key = signingKeyFromSeed('a', newSigningKeySeed());
  const other = signingKeyFromSeed('b', newSigningKeySeed());
  const keys = new Map([key, other].map(({ keyId, publicKey }) => [keyId as string, publicKey]));
  const findKey = (keyId: string) => keys.get(keyId);

  test('keeps unsigned and the signatures of others, and does not change its argument', () => {
    const object = Object.freeze({ a: 1, unsigned: { age: 1 }, signatures: { other: { 'ed25519:x': 'y' } } });
    const signed = signJson(object, 'one.example', key);
    expect(Object.keys(signed.signatures)).toEqual(['other', 'one.example']);
    expect(signed.unsigned).toEqual({ age: 1 });
    expect(object.signatures).toEqual({ other: { 'ed25519:x': 'y' } });
  });

  test('a second key of the same signer is added to the first', () => {
    const signed = signJson(signJson({ a: 1 }, 'one.example', key), 'one.example', other);
    expect(signatureKeyIds(signed.signatures, 'one.example')).toEqual(['ed25519:a', 'ed25519:b']);
    expect(verifyJson(signed, 'one.example', findKey)).toEqual({ ok: true });
  });

  test('changing unsigned or adding signatures leaves a signature right, changing anything else does not', () => {
    const signed = signJson({ a: 1, b: { c: [1] } }, 'one.example', key);
    expect(verifyJson({ ...signed, unsigned: { x: 1 } }, 'one.example', findKey)).toEqual({ ok: true });
    expect(verifyJson({ ...signed, a: 2 }, 'one.example', findKey)).toEqual({ ok: false, reason: 'bad signature' });
    expect(verifyJson({ ...signed, d: null }, 'one.example', findKey)).toEqual({ ok: false, reason: 'bad signature' });
  });

  test('a signature counts only for the server under whose name it stands', () => {
    const signed = signJson({ a: 1 }, 'one.example', key);
    expect(verifyJson(signed, 'two.example', findKey)).toEqual({ ok: false, reason: 'not signed' });
    expect(verifyJson(signed, 'constructor', findKey)).toEqual({ ok: false, reason: 'not signed' });
    expect(verifyJson(signed, '__proto__', findKey)).toEqual({ ok: false, reason: 'not signed' });
  });

  test('signatures by unknown keys count for nothing, beside a right one too', () => {
    const signed = signJson({ a: 1 }, 'one.example', key);
    signed.signatures['one.example'] = { ...signed.signatures['one.example'], 'ed25519:zz': 'AAAA', 'rsa:1': 'x' };
    expect(verifyJson(signed, 'one.example', findKey)).toEqual({ ok: true });
    expect(verifyJson(signed, 'one.example', () => undefined)).toEqual({ ok: false, reason: 'unknown key' });
  });

  test('one wrong signature by a known key is enough to fail', () => {
    const signed = signJson({ a: 1 }, 'one.example', key);
    signed.signatures['one.example'] = {
      ...signed.signatures['one.example'],
      'ed25519:b': other.sign(Buffer.from('x')),
    };
    expect(verifyJson(signed, 'one.example', findKey)).toEqual({ ok: false, reason: 'bad signature' });
  });

  test('signatures of bytes get the same verdict in the thread pool', async () => {
    const signed = signJson({ a: 1 }, 'one.example', key);
    const wrong = { ...signed.signatures['one.example'], 'ed25519:b': other.sign(Buffer.from('x')) };
    const malformed = { 'ed25519:a': 'AAAA' };
    for (const [signatures, find, verdict] of [
      [signed.signatures, findKey, { ok: true }],
      [signed.signatures, () => undefined, { ok: false, reason: 'unknown key' }],
      [{}, findKey, { ok: false, reason: 'not signed' }],
      [{ 'one.example': wrong }, findKey, { ok: false, reason: 'bad signature' }],
      [{ 'one.example': malformed }, findKey, { ok: false, reason: 'bad signature' }],
    ] as const)
      expect(await verifySignedBytes(signedBytes(signed), signatures, 'one.example', find)).toEqual(verdict);
  });

  test('a public key may be in either alphabet, padded or not', () => {
    const bytes = signedBytes({ a: 1 });
    for (let i = 0; i < 20; i++) {
      const each = signingKeyFromSeed('x', newSigningKeySeed());
      const urlSafe = each.publicKey.replaceAll('+', '-').replaceAll('/', '_');
      expect(verifySignature(bytes, each.sign(bytes), urlSafe)).toBe(true);
      expect(verifySignature(bytes, each.sign(bytes), `${each.publicKey}=`)).toBe(true);
    }
  });

  test('malformed signatures and keys are wrong, and never throw', () => {
    const bytes = signedBytes({ a: 1 });
    const right = key.sign(bytes);
    for (const signature of ['', '*', right.slice(4), `${right}AAAA`]) {
      expect(verifySignature(bytes, signature, key.publicKey)).toBe(false);
    }
    for (const publicKey of ['', '*', key.publicKey.slice(4), `${key.publicKey}AAAA`]) {
      expect(verifySignature(bytes, right, publicKey)).toBe(false);
    }
    for (const signatures of [null, 1, 'x', [], { 'one.example': null }, { 'one.example': { 'ed25519:a': 1 } }]) {
      const object = { a: 1, signatures } as unknown as JsonObject;
      expect(verifyJson(object, 'one.example', findKey)).toEqual({ ok: false, reason: 'not signed' });
    }
  });

  test('what is not canonical has no signature that could be right', () => {
    const object = { ...signJson({ a: 1 }, 'one.example', key), a: new NonCanonicalToken('number', '1.0') };
    expect(verifyJson(object as unknown as JsonObject, 'one.example', findKey)).toEqual({
      ok: false,
      reason: 'not canonical',
    });
  });

  test('A1.17 under a public key of small order nothing verifies, though one signature fits many messages', () => {
    const message = new TextEncoder().encode('anything');
    const forged = signatureForSmallOrderKeys();
    const identity = new Uint8Array(32).fill(1, 0, 1);
    expect(nacl.sign.detached.verify(message, forged, identity)).toBe(true);
    const points = [
      '00',
      '01',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      `ec${'ff'.repeat(30)}7f`,
    ];
    for (const point of points) {
      const publicKey = encodeBase64(Buffer.from(point.padEnd(64, '0'), 'hex'));
      for (let i = 0; i < 64; i++)
        expect(verifySignature(Buffer.from([i]), encodeBase64(forged), publicKey)).toBe(false);
    }
  });

  test('more keys than are kept ready still verify', () => {
    const bytes = signedBytes({ a: 1 });
    const signature = key.sign(bytes);
    // Any 32 bytes will do as somebody else's public key.
    for (let i = 0; i < 2100; i++) {
      expect(verifySignature(bytes, signature, encodeBase64(newSigningKeySeed()))).toBe(false);
    }
    expect(verifySignature(bytes, key.sign(bytes), key.publicKey)).toBe(true);
  });
});

/** R = S·B, so that the equation of verification holds whenever the key's part in it vanishes. */
function signatureForSmallOrderKeys(): Uint8Array {
  const seed = newSigningKeySeed();
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32);
  scalar[0] = (scalar[0] ?? 0) & 248;
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64;
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const reduced = (BigInt(`0x${Buffer.from(scalar).reverse().toString('hex')}`) % order).toString(16).padStart(64, '0');
  const { publicKey } = nacl.sign.keyPair.fromSeed(Uint8Array.from(seed));
  return Uint8Array.from([...publicKey, ...Buffer.from(reduced, 'hex').reverse()]);
}
