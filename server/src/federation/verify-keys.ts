import type { ServerName } from '../protocol/event.ts';
import type { KeysOfServer } from './key-fetcher.ts';

/** Keys by server, as plain data that may be handed to another thread. */
export type KnownKeys = ReadonlyMap<ServerName, KeysOfServer>;

/** Keys that `KeyRing.fetch` found. */
export interface VerifyKeys {
  readonly known: KnownKeys;
  /** The public key in unpadded Base64; undefined when it is unknown or was not valid at `validAt`. */
  get(serverName: ServerName, keyId: string, validAt?: number): string | undefined;
}

export function verifyKeysOf(known: KnownKeys): VerifyKeys {
  return {
    known,
    get(serverName, keyId, validAt = Number.NEGATIVE_INFINITY) {
      const key = known.get(serverName)?.get(keyId);
      return key !== undefined && key.validUntil >= validAt ? key.publicKey : undefined;
    },
  };
}
