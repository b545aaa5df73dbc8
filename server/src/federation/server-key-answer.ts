import type { ServerName } from '../protocol/event.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { type KeyId, verifyJson } from '../protocol/signing.ts';
import { decodeBase64 } from '../protocol/unpadded-base64.ts';

/** Keys count for at most this long after they were fetched, so that a stolen one cannot be made to last (A1.18). */
export const LONGEST_VALIDITY_MS = 7 * 86_400_000;
const MAX_KEYS = 100;
const KEY_ID = /^ed25519:[A-Za-z0-9_]{1,100}$/;

/** What a server says about its signing keys, checked: see `readServerKeyAnswer`. */
export interface ServerKeyAnswer {
  readonly serverName: ServerName;
  /** `valid_until_ts`, at most 7 days after the fetch; milliseconds since 1970. */
  readonly validUntil: number;
  readonly keys: readonly { readonly keyId: KeyId; readonly publicKey: string; readonly validUntil: number }[];
  /** The object as it was signed. */
  readonly object: JsonObject;
}

function isTimestamp(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readKeys(value: unknown): [KeyId, JsonObject & { key: string }][] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).filter(
    (entry): entry is [KeyId, JsonObject & { key: string }] =>
      KEY_ID.test(entry[0]) &&
      isJsonObject(entry[1]) &&
      typeof entry[1].key === 'string' &&
      decodeBase64(entry[1].key)?.length === 32,
  );
}

/**
 * Checks a server key object (Server-Server API, "Publishing Keys"): it must be about `serverName` and signed by it with one
 * of the keys that it lists. Answers undefined when it is not; keys of algorithms that are not understood are left out.
 * @param fetchedAt when it was fetched, in milliseconds since 1970
 */
export function readServerKeyAnswer(
  value: unknown,
  serverName: ServerName,
  fetchedAt: number,
): ServerKeyAnswer | undefined {
  if (!isJsonObject(value) || value.server_name !== serverName || !isTimestamp(value.valid_until_ts)) return undefined;
  const current = readKeys(value.verify_keys);
  const old = readKeys(value.old_verify_keys).filter(
    ([keyId, key]) => isTimestamp(key.expired_ts) && !current.some(([id]) => id === keyId),
  );
  if (current.length + old.length > MAX_KEYS) return undefined;
  const publicKeys = new Map(current.map(([keyId, { key }]) => [keyId, key]));
  if (!verifyJson(value, serverName, (keyId) => publicKeys.get(keyId)).ok) return undefined;
  const latest = fetchedAt + LONGEST_VALIDITY_MS;
  const validUntil = Math.min(value.valid_until_ts, latest);
  return {
    serverName,
    validUntil,
    keys: [
      ...current.map(([keyId, { key }]) => ({ keyId, publicKey: key, validUntil })),
      ...old.map(([keyId, { key, expired_ts }]) => ({
        keyId,
        publicKey: key,
        validUntil: Math.min(expired_ts as number, latest),
      })),
    ],
    object: value,
  };
}
