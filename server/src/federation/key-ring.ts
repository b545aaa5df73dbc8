import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { Limiter } from '../base/limiter.ts';
import { LruCache } from '../base/lru-cache.ts';
import { SingleFlight } from '../base/single-flight.ts';
import type { ServerName } from '../protocol/event.ts';
import type { FindKey } from '../protocol/signing.ts';
import type { Database } from '../storage/database.ts';
import { type NotaryKey, readServerKeys, writeNotaryKeys, writeOriginKeys } from '../storage/server-keys.ts';
import { fetchFromNotary, fetchFromOrigin, NOTARY_BATCH } from './key-sources.ts';
import type { OwnKeys } from './own-keys.ts';
import type { PeerTransport } from './peer-transport.ts';
import type { ServerKeyAnswer } from './server-key-answer.ts';

/** A server is asked for its keys at most this often when an answer of it did not hold the key that was wanted. */
const ASK_AGAIN_MS = 10_000;
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 120_000;
const CONCURRENT_FETCHES = 100;

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

/** Keys that `KeyRing.fetch` found. */
export interface VerifyKeys {
  /** The public key in unpadded Base64; undefined when it is unknown or was not valid at `validAt`. */
  get(serverName: ServerName, keyId: string, validAt?: number): string | undefined;
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
}

export interface KeyRingOptions {
  readonly db: Database;
  readonly ownKeys: OwnKeys;
  readonly transport: PeerTransport;
  /** Servers that are asked when a server does not tell its own keys. */
  readonly notaries: readonly ServerName[];
  readonly clock: Clock;
  readonly random: () => number;
}

interface KnownKey {
  readonly publicKey: string;
  readonly validUntil: number;
}

type KeysOfServer = ReadonlyMap<string, KnownKey>;
/** Key ids with the latest moment for which each is wanted; -Infinity where any time will do. */
type Wants = Map<ServerName, Map<string, number>>;

function collect(wanted: readonly WantedKey[]): Wants {
  const wants: Wants = new Map();
  for (const { serverName, keyId, validAt = Number.NEGATIVE_INFINITY } of wanted) {
    const keys = wants.get(serverName) ?? new Map<string, number>();
    keys.set(keyId, Math.max(keys.get(keyId) ?? Number.NEGATIVE_INFINITY, validAt));
    wants.set(serverName, keys);
  }
  return wants;
}

/** What is wanted and not among the known keys, or not valid for long enough. */
function unmet(wants: Wants, known: ReadonlyMap<ServerName, KeysOfServer>): Wants {
  const left: Wants = new Map();
  for (const [serverName, keys] of wants) {
    const missing = [...keys].filter(([keyId, validAt]) => {
      const key = known.get(serverName)?.get(keyId);
      return key === undefined || key.validUntil < validAt;
    });
    if (missing.length > 0) left.set(serverName, new Map(missing));
  }
  return left;
}

/** One statement may write each row once: of several answers about a key, the one that is valid longest. */
function latestKeys(answers: readonly ServerKeyAnswer[]): NotaryKey[] {
  const latest = new Map<string, NotaryKey>();
  for (const { serverName, keys } of answers)
    for (const key of keys) {
      const id = JSON.stringify([serverName, key.keyId]);
      const before = latest.get(id);
      if (before === undefined || before.validUntil < key.validUntil) latest.set(id, { serverName, ...key });
    }
  return [...latest.values()];
}

export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { db, ownKeys, transport, notaries, clock, random } = options;
  const memory = new LruCache<ServerName, KeysOfServer>(5_000);
  const flights = new SingleFlight<ServerName, void>();
  const limiter = new Limiter(CONCURRENT_FETCHES);
  /** When a server, or a notary on behalf of a server, may be asked again; monotonic milliseconds. */
  const attempts = new LruCache<string, { failures: number; nextAt: number }>(20_000);

  const mayAsk = (key: string) => clock.monotonic() >= (attempts.get(key)?.nextAt ?? Number.NEGATIVE_INFINITY);

  function noteAttempt(key: string, succeeded: boolean): void {
    const failures = succeeded ? 0 : (attempts.get(key)?.failures ?? 0) + 1;
    const wait = succeeded ? ASK_AGAIN_MS : backoffMs(failures, FIRST_RETRY_MS, LAST_RETRY_MS, random());
    attempts.set(key, { failures, nextAt: clock.monotonic() + wait });
  }

  /** Reads the stored keys of the servers, whatever memory holds: another process may have fetched newer ones. */
  async function readStored(serverNames: readonly ServerName[]): Promise<Map<ServerName, KeysOfServer>> {
    const stored = new Map<ServerName, Map<string, KnownKey>>();
    for (const { serverName, keyId, publicKey, validUntil } of await readServerKeys(db, serverNames)) {
      const keys = stored.get(serverName) ?? new Map<string, KnownKey>();
      stored.set(serverName, keys.set(keyId, { publicKey, validUntil }));
    }
    for (const [serverName, keys] of stored) memory.set(serverName, keys);
    return stored;
  }

  function askOrigin(serverName: ServerName): Promise<void> {
    return flights.run(serverName, () =>
      limiter.run(async () => {
        const fetched = await fetchFromOrigin(transport, serverName, clock.now);
        noteAttempt(serverName, fetched !== undefined);
        if (fetched === undefined) return;
        const { keys, validUntil } = fetched.answer;
        await writeOriginKeys(db, { serverName, fetchedAt: clock.now(), validUntil, answer: fetched.json }, keys);
      }),
    );
  }

  /** Keys of a notary that are valid now, from itself. */
  async function keysOfNotary(notary: ServerName): Promise<FindKey> {
    const now = clock.now();
    const valid = (keys: KeysOfServer | undefined) => [...(keys ?? [])].filter(([, key]) => key.validUntil >= now);
    let keys = valid(memory.get(notary) ?? (await readStored([notary])).get(notary));
    if (keys.length === 0 && mayAsk(notary)) {
      await askOrigin(notary);
      keys = valid((await readStored([notary])).get(notary));
    }
    const publicKeys = new Map(keys.map(([keyId, key]) => [keyId, key.publicKey]));
    return (keyId) => publicKeys.get(keyId);
  }

  async function askNotary(notary: ServerName, wants: Wants): Promise<void> {
    const attempt = (serverName: ServerName) => JSON.stringify([notary, serverName]);
    const asked = [...wants].filter(([serverName]) => serverName !== notary && mayAsk(attempt(serverName)));
    if (asked.length === 0 || !mayAsk(attempt(notary))) return;
    const findNotaryKey = await keysOfNotary(notary);
    for (let i = 0; i < asked.length; i += NOTARY_BATCH) {
      const batch = asked.slice(i, i + NOTARY_BATCH);
      const answers = await fetchFromNotary(transport, notary, new Map(batch), findNotaryKey, clock.now);
      if (answers === undefined) {
        noteAttempt(attempt(notary), false);
        return;
      }
      const told = new Set(answers.map((answer) => answer.serverName));
      for (const [serverName] of batch) noteAttempt(attempt(serverName), told.has(serverName));
      await writeNotaryKeys(db, latestKeys(answers));
    }
  }

  return {
    async askAgain(serverNames) {
      await Promise.all(serverNames.filter(mayAsk).map(askOrigin));
    },

    async fetch(wanted) {
      const wants = collect(wanted);
      const known = new Map<ServerName, KeysOfServer>();
      let left: Wants = wants;
      const learn = async (read: () => Promise<ReadonlyMap<ServerName, KeysOfServer>>) => {
        for (const [serverName, keys] of await read()) known.set(serverName, keys);
        left = unmet(left, known);
        // What we do not know of our own keys nobody else can tell us.
        left.delete(ownKeys.serverName);
      };
      const readLeft = () => readStored([...left.keys()]);

      if (wants.has(ownKeys.serverName)) known.set(ownKeys.serverName, await ownKeys.all());
      await learn(async () => new Map([...left.keys()].flatMap((name) => entry(name, memory.get(name)))));
      if (left.size > 0) await learn(readLeft);
      const askable = [...left.keys()].filter(mayAsk);
      if (askable.length > 0) {
        await Promise.all(askable.map(askOrigin));
        await learn(readLeft);
      }
      for (const notary of notaries) {
        if (left.size === 0) break;
        await askNotary(notary, left);
        await learn(readLeft);
      }
      return {
        get(serverName, keyId, validAt = Number.NEGATIVE_INFINITY) {
          const key = known.get(serverName)?.get(keyId);
          return key !== undefined && key.validUntil >= validAt ? key.publicKey : undefined;
        },
      };
    },
  };
}

function entry<K, V>(key: K, value: V | undefined): [K, V][] {
  return value === undefined ? [] : [[key, value]];
}
