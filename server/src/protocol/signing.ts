/**
 * Ed25519 keys, and the signatures of JSON objects (specification, "Appendices", "Signing JSON"). Signatures of events cover
 * the redacted event: see `event-signing.ts`.
 */

import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import nacl from 'tweetnacl';
import { canonicalJsonBytes, isCanonical } from './canonical-json.ts';
import type { ServerName, Signatures } from './event.ts';
import { isJsonObject, type JsonObject, withoutKeys } from './json.ts';
import { decodeBase64, decodeBase64Url, encodeBase64 } from './unpadded-base64.ts';

/** Signing algorithm and key version, such as `ed25519:a_Qx7`. */
export type KeyId = `ed25519:${string}`;

export interface SigningKey {
  readonly keyId: KeyId;
  /** Unpadded Base64, as published in `verify_keys`. */
  readonly publicKey: string;
  /** Signature of the bytes in unpadded Base64. */
  sign(bytes: Uint8Array): string;
}

/** Answers the public key, in Base64, that the signer had under this id; `undefined` when it is unknown or may not be used. */
export type FindKey = (keyId: KeyId) => string | undefined;

export type Verification =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'not canonical' | 'not signed' | 'unknown key' | 'bad signature' };

const SEED_BYTES = 32;
const KEY_VERSION = /^[A-Za-z0-9_]+$/;

/** The seed of a new signing key: 32 bytes from the operating system's random generator, and from nowhere else. */
export function newSigningKeySeed(): Buffer {
  return randomBytes(SEED_BYTES);
}

/**
 * The key that a seed of 32 bytes stands for. `keyVersion` is the part of the key id after `ed25519:`. Throws for a seed that
 * somebody else could guess, because whoever knows the seed is this server to all others.
 */
export function signingKeyFromSeed(keyVersion: string, seed: Uint8Array): SigningKey {
  if (!KEY_VERSION.test(keyVersion)) throw new Error('A key version consists of letters, digits and underscores.');
  if (seed.length !== SEED_BYTES) throw new Error(`A signing key seed has ${SEED_BYTES} bytes, not ${seed.length}.`);
  if (isGuessableSeed(seed)) throw new Error('The signing key seed is guessable. Make a new one.');
  const publicKey = Buffer.from(nacl.sign.keyPair.fromSeed(Uint8Array.from(seed)).publicKey);
  const privateKey = createPrivateKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'Ed25519', d: Buffer.from(seed).toString('base64url'), x: publicKey.toString('base64url') },
  });
  return {
    keyId: `ed25519:${keyVersion}`,
    publicKey: encodeBase64(publicKey),
    sign: (bytes) => encodeBase64(sign(null, bytes, privateKey)),
  };
}

/** A copy of the object that `signer` has signed. Signatures that it had are kept; `signatures` and `unsigned` are not covered. */
export function signJson<T extends JsonObject>(
  object: T,
  signer: ServerName,
  key: SigningKey,
): T & { signatures: Signatures } {
  const signature = key.sign(signedBytes(object));
  return { ...object, signatures: withSignature(object.signatures, signer, key.keyId, signature) };
}

/** The `signatures` of an object with one more. */
export function withSignature(signatures: unknown, signer: ServerName, keyId: KeyId, signature: string): Signatures {
  const all: Signatures = Object.setPrototypeOf({ ...readSignatures(signatures) }, null);
  all[signer] = { ...(all[signer] ?? {}), [keyId]: signature };
  return all;
}

/** The well-formed part of `signatures`: objects of strings. Signatures cover neither each other nor what is left out here. */
export function readSignatures(signatures: unknown): Signatures {
  const read: Signatures = Object.setPrototypeOf({}, null);
  if (!isJsonObject(signatures)) return read;
  for (const [signer, byKey] of Object.entries(signatures)) {
    if (!isJsonObject(byKey)) continue;
    const entries = Object.entries(byKey).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    if (entries.length > 0) read[signer] = Object.setPrototypeOf(Object.fromEntries(entries), null);
  }
  return read;
}

/** The bytes that a signature of the object covers. */
export function signedBytes(object: JsonObject): Buffer {
  return canonicalJsonBytes(withoutKeys(object, 'signatures', 'unsigned'));
}

/** Whether `signer` has signed the object ("Checking for a Signature"): see `verifySignedBytes`. */
export function verifyJson(object: JsonObject, signer: ServerName, findKey: FindKey): Verification {
  if (!isCanonical(object)) return { ok: false, reason: 'not canonical' };
  const read = readByKnownKeys(object.signatures, signer, findKey);
  return read.ok ? verdictOn(signedBytes(object), read.found) : read;
}

/**
 * Whether `signer` has signed the bytes: at least one signature by a key that `findKey` knows, and none by such a key that is
 * wrong. Signatures by other keys count for nothing. The arithmetic is done by Node's thread pool, so that the event loop is
 * free meanwhile. To hand it over costs a third of it on top.
 */
export async function verifySignedBytes(
  bytes: Uint8Array,
  signatures: unknown,
  signer: ServerName,
  findKey: FindKey,
): Promise<Verification> {
  const read = readByKnownKeys(signatures, signer, findKey);
  if (!read.ok) return read;
  const verdicts = await Promise.all(read.found.map((ready) => verifyAside(bytes, ready)));
  return verdicts.every((isRight) => isRight) ? { ok: true } : BAD_SIGNATURE;
}

/** The same at once, for a thread that has nothing else to do. */
export function verifySignedBytesAtOnce(
  bytes: Uint8Array,
  signatures: unknown,
  signer: ServerName,
  findKey: FindKey,
): Verification {
  const read = readByKnownKeys(signatures, signer, findKey);
  return read.ok ? verdictOn(bytes, read.found) : read;
}

function verdictOn(bytes: Uint8Array, found: readonly ReadySignature[]): Verification {
  return found.every(({ key, signature }) => verify(null, bytes, key, signature)) ? { ok: true } : BAD_SIGNATURE;
}

const BAD_SIGNATURE: Verification & { ok: false } = { ok: false, reason: 'bad signature' };

/** A signature and the key that it is said to be by, ready for `node:crypto`. */
interface ReadySignature {
  readonly key: KeyObject;
  readonly signature: Buffer;
}

/** The signatures by known keys; if there are none, or one of them is malformed, what is wrong. */
function readByKnownKeys(
  signatures: unknown,
  signer: ServerName,
  findKey: FindKey,
): { readonly ok: true; readonly found: readonly ReadySignature[] } | (Verification & { ok: false }) {
  const all = signaturesOf(signatures, signer);
  if (all.length === 0) return { ok: false, reason: 'not signed' };
  const found: ReadySignature[] = [];
  for (const [keyId, signature] of all) {
    const publicKey = findKey(keyId);
    if (publicKey === undefined) continue;
    const ready = readSignature(signature, publicKey);
    if (ready === undefined) return BAD_SIGNATURE;
    found.push(ready);
  }
  return found.length > 0 ? { ok: true, found } : { ok: false, reason: 'unknown key' };
}

function verifyAside(bytes: Uint8Array, { key, signature }: ReadySignature): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(null, bytes, key, signature, (error, isRight) => (error === null ? resolve(isRight) : reject(error)));
  });
}

/** Ids of the keys with which `signer` has signed, of algorithms that are understood: the keys to be fetched. */
export function signatureKeyIds(signatures: unknown, signer: ServerName): KeyId[] {
  return signaturesOf(signatures, signer).map(([keyId]) => keyId);
}

function signaturesOf(signatures: unknown, signer: ServerName): [KeyId, string][] {
  if (!isJsonObject(signatures) || !Object.hasOwn(signatures, signer)) return [];
  const byKey = signatures[signer];
  if (!isJsonObject(byKey)) return [];
  return Object.entries(byKey).filter(
    (entry): entry is [KeyId, string] => entry[0].startsWith('ed25519:') && typeof entry[1] === 'string',
  );
}

/**
 * Whether the Base64 signature of the bytes is right under the Base64 public key, which may be in the URL-safe alphabet as
 * identity servers write theirs. False for anything malformed.
 */
export function verifySignature(bytes: Uint8Array, signature: string, publicKey: string): boolean {
  const ready = readSignature(signature, publicKey);
  return ready !== undefined && verify(null, bytes, ready.key, ready.signature);
}

function readSignature(signature: string, publicKey: string): ReadySignature | undefined {
  const bytes = decodeBase64(signature);
  const key = publicKeyObject(publicKey);
  return bytes?.length === 64 && key !== undefined ? { key, signature: bytes } : undefined;
}

/** Public keys ready for use, the most recently used last. Making one takes about as long as verifying a signature. */
const publicKeys = new Map<string, KeyObject>();
const MAX_PUBLIC_KEYS = 2000;

function publicKeyObject(publicKey: string): KeyObject | undefined {
  let key = publicKeys.get(publicKey);
  if (key === undefined) {
    const bytes = decodeBase64(publicKey) ?? decodeBase64Url(publicKey);
    if (bytes?.length !== 32) return undefined;
    key = createPublicKey({
      format: 'jwk',
      key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
    });
    if (publicKeys.size >= MAX_PUBLIC_KEYS) publicKeys.delete(publicKeys.keys().next().value as string);
  } else {
    publicKeys.delete(publicKey);
  }
  publicKeys.set(publicKey, key);
  return key;
}

/** Seeds that are printed in documents: of the test vectors of this specification and of RFC 8032. */
const PUBLISHED_SEEDS = new Set([
  'YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA0',
  'nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  'TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs',
  'xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc',
]);

/** Random bytes repeat themselves this little with a probability of less than 10^-20. */
const MIN_DISTINCT_BYTES = 12;

function isGuessableSeed(seed: Uint8Array): boolean {
  if (PUBLISHED_SEEDS.has(encodeBase64(seed)) || new Set(seed).size < MIN_DISTINCT_BYTES) return true;
  const steps = new Set(Array.from(seed.subarray(1), (byte, i) => (byte - (seed[i] ?? 0)) & 0xff));
  if (steps.size === 1) return true;
  // Text is no random data: somebody typed or derived it.
  return seed.every((byte) => byte >= 0x20 && byte < 0x7f);
}
