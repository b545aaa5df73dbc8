import type { ServerName } from '../protocol/event.ts';
import {
  KeyFetcher,
  type KeyFetcherOptions,
  type KeyListener,
  type KeysOfServer,
  type KnownKey,
  type Wants,
} from './key-fetcher.ts';
import type { OwnKeys } from './own-keys.ts';
import { type VerifyKeys, verifyKeysOf } from './verify-keys.ts';

/** A key that something was signed with. */
export interface WantedKey {
  readonly serverName: ServerName;
  readonly keyId: string;
  /**
   * When it was used: `origin_server_ts` of an event, or now for a request; milliseconds since 1970. Left out for events of
   * room versions 1 to 4, which ignore how long keys are valid.
   */
  readonly validAt?: number | undefined;
}

/** Public signing keys of all servers, our own included. */
export interface KeyRing {
  /**
   * Gets as many of the wanted keys as can be had: from memory, the database, their server, and at last from notaries. Takes
   * up to half a minute when servers are away. Keys that could not be had are missing from the answer; that is no error.
   */
  fetch(wanted: readonly WantedKey[]): Promise<VerifyKeys>;
  /** Asks servers for their keys anew, apart from those that were asked only just now, and stores what they answer. */
  askAgain(serverNames: readonly ServerName[]): Promise<void>;
  /** @param listener told of each server whose keys this process has learned, or learned anew. @returns stops listening */
  onLearned(listener: KeyListener): () => void;
}

export interface KeyRingOptions extends KeyFetcherOptions {
  readonly ownKeys: OwnKeys;
  /** Servers that are asked when a server does not tell its own keys. */
  readonly notaries: readonly ServerName[];
}

function collect(wanted: readonly WantedKey[]): Wants {
  const wants: Wants = new Map();
  for (const { serverName, keyId, validAt = Number.NEGATIVE_INFINITY } of wanted) {
    const keys = wants.get(serverName) ?? new Map<string, number>();
    keys.set(keyId, Math.max(keys.get(keyId) ?? Number.NEGATIVE_INFINITY, validAt));
    wants.set(serverName, keys);
  }
  return wants;
}

/** What is wanted and not among the known keys that are good enough, or not valid for long enough. */
function unmet(
  wants: Wants,
  known: ReadonlyMap<ServerName, KeysOfServer>,
  isGoodEnough: (key: KnownKey) => boolean,
): Wants {
  const left: Wants = new Map();
  for (const [serverName, keys] of wants) {
    const missing = [...keys].filter(([keyId, validAt]) => {
      const key = known.get(serverName)?.get(keyId);
      return key === undefined || key.validUntil < validAt || !isGoodEnough(key);
    });
    if (missing.length > 0) left.set(serverName, new Map(missing));
  }
  return left;
}

export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { ownKeys, notaries } = options;
  const fetcher = new KeyFetcher(options);

  async function fetch(wanted: readonly WantedKey[]): Promise<VerifyKeys> {
    const wants = collect(wanted);
    const known = new Map<ServerName, KeysOfServer>();
    const learn = (found: ReadonlyMap<ServerName, KeysOfServer>) => {
      for (const [serverName, keys] of found) known.set(serverName, keys);
    };
    if (wants.has(ownKeys.serverName)) known.set(ownKeys.serverName, await ownKeys.all());
    // What we do not know of our own keys nobody else can tell us.
    wants.delete(ownKeys.serverName);

    // What only a notary has said will do if its server stays silent, but the server itself is asked first.
    const unconfirmed = () => [...unmet(wants, known, (key) => key.fromOrigin).keys()];
    learn(fetcher.remembered([...wants.keys()]));
    learn(await fetcher.readStored(unconfirmed()));
    if (unconfirmed().length > 0) {
      await fetcher.askOrigins(unconfirmed());
      learn(await fetcher.readStored(unconfirmed()));
    }
    for (const notary of notaries) {
      const left = unmet(wants, known, () => true);
      if (left.size === 0) break;
      await fetcher.askNotary(notary, left);
      learn(await fetcher.readStored([...left.keys()]));
    }
    return verifyKeysOf(known);
  }

  return {
    fetch,
    askAgain: (serverNames) => fetcher.askOrigins(serverNames),
    onLearned: (listener) => fetcher.onStored(listener),
  };
}
