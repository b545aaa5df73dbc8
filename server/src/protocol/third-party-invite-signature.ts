import { ownValue } from './authorization.ts';
import { canonicalJsonBytes } from './canonical-json.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { verifySignature } from './signing.ts';

/**
 * How many pairs of signature and key are tried. An honest invite needs a handful; an event of 64 KiB has room for pairs that
 * would keep the server busy for half a minute.
 */
const MAX_TRIES = 100;

/**
 * Whether one of the signatures of `signed`, the part of an invite that the identity server signed, was made with a key in
 * `content`, that of the `m.room.third_party_invite` event: its `public_key` or one of its `public_keys`.
 */
export function isSignedByKeyOf(signed: JsonValue, content: JsonObject): boolean {
  if (!isJsonObject(signed)) return false;
  const signatures = signaturesOf(signed);
  const keys = publicKeysOf(content);
  if (signatures.length * keys.length > MAX_TRIES) return false;

  const { signatures: _signatures, unsigned: _unsigned, ...rest } = signed;
  const bytes = canonicalJsonBytes(rest);
  return signatures.some((signature) => keys.some((key) => verifySignature(bytes, signature, key)));
}

function signaturesOf(signed: JsonObject): string[] {
  const servers = ownValue(signed, 'signatures');
  if (!isJsonObject(servers)) return [];
  return Object.values(servers)
    .filter(isJsonObject)
    .flatMap((byKeyId) => Object.entries(byKeyId))
    .filter(([keyId]) => keyId.startsWith('ed25519:'))
    .map(([, signature]) => signature)
    .filter((signature) => typeof signature === 'string');
}

function publicKeysOf(content: JsonObject): string[] {
  const listed = ownValue(content, 'public_keys');
  const keys = [
    ownValue(content, 'public_key'),
    ...(Array.isArray(listed) ? listed.map((entry) => ownValue(entry, 'public_key')) : []),
  ];
  return [...new Set(keys.filter((key) => typeof key === 'string'))];
}
