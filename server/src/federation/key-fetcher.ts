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
import type { PeerTransport } from './peer-transport.ts';
import type { ServerKeyAnswer } from './server-key-answer.ts';

/** A server is asked for its keys at most this often when an answer of it did not hold the key that was wanted. */
const ASK_AGAIN_MS = 10_000;
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 120_000;
const CONCURRENT_FETCHES = 100;
const REMEMBERED_SERVERS = 5_000;
const REMEMBERED_ATTEMPTS = 20_000;

export interface KnownKey {
  /** Unpadded Base64. */
  readonly publicKey: string;
  /** Last moment for which a signature counts, in milliseconds since 1970. */
  readonly validUntil: number;
  /** Whether its server said so itself, and not only a notary. */
  readonly fromOrigin: boolean;
}

/** Keys of a server by key id. */
export type KeysOfServer = ReadonlyMap<string, KnownKey>;

/** By server: key ids with the latest moment for which each is wanted; -Infinity where any time will do. */
export type Wants = Map<ServerName, Map<string, number>>;

export type KeyListener = (serverName: ServerName) => void;

export interface KeyFetcherOptions {
  readonly db: Database;
  readonly transport: PeerTransport;
  readonly clock: Clock;
  readonly random: () => number;
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

/**
 * Where keys come from: memory, the database, their servers, notaries. Remembers whom it has asked, so that a key that cannot
 * be had is not asked for again and again; what failed is only ever remembered as an attempt, never as a key.
 */
export class KeyFetcher {
  readonly #options: KeyFetcherOptions;
  readonly #memory = new LruCache<ServerName, KeysOfServer>(REMEMBERED_SERVERS);
  readonly #flights = new SingleFlight<ServerName, void>();
  readonly #limiter = new Limiter(CONCURRENT_FETCHES);
  readonly #notaryTurns = new Map<ServerName, Limiter>();
  /** When a server, or a notary on behalf of a server, may be asked again; monotonic milliseconds. */
  readonly #attempts = new LruCache<string, { failures: number; nextAt: number }>(REMEMBERED_ATTEMPTS);
  readonly #listeners = new Set<KeyListener>();

  constructor(options: KeyFetcherOptions) {
    this.#options = options;
  }

  /** @param listener told of the servers of which keys have been stored; it must not throw. @returns stops listening */
  onStored(listener: KeyListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #announce(serverNames: Iterable<ServerName>): void {
    for (const serverName of serverNames) for (const listener of this.#listeners) listener(serverName);
  }

  /** Keys of the servers as far as they are in memory. */
  remembered(serverNames: readonly ServerName[]): Map<ServerName, KeysOfServer> {
    const found = new Map<ServerName, KeysOfServer>();
    for (const serverName of serverNames) {
      const keys = this.#memory.get(serverName);
      if (keys !== undefined) found.set(serverName, keys);
    }
    return found;
  }

  /** Stored keys of the servers, whatever memory holds: another process may have fetched newer ones. */
  async readStored(serverNames: readonly ServerName[]): Promise<Map<ServerName, KeysOfServer>> {
    const stored = new Map<ServerName, Map<string, KnownKey>>();
    if (serverNames.length === 0) return stored;
    for (const { serverName, keyId, ...key } of await readServerKeys(this.#options.db, serverNames)) {
      const keys = stored.get(serverName) ?? new Map<string, KnownKey>();
      stored.set(serverName, keys.set(keyId, key));
    }
    for (const [serverName, keys] of stored) this.#memory.set(serverName, keys);
    return stored;
  }

  /** Asks the servers themselves and stores what they answer; those that were asked only just now are left alone. */
  async askOrigins(serverNames: readonly ServerName[]): Promise<void> {
    const askable = serverNames.filter((name) => this.#flights.isRunning(name) || this.#mayAsk(name));
    await Promise.all(askable.map((serverName) => this.#askOrigin(serverName)));
  }

  /** Asks a notary for what is wanted, and stores what it answers. One after the other, so that nothing is asked for twice. */
  async askNotary(notary: ServerName, wants: Wants): Promise<void> {
    const turn = this.#notaryTurns.get(notary) ?? new Limiter(1);
    this.#notaryTurns.set(notary, turn);
    await turn.run(() => this.#askNotaryNow(notary, wants));
  }

  #mayAsk(key: string): boolean {
    return this.#options.clock.monotonic() >= (this.#attempts.get(key)?.nextAt ?? Number.NEGATIVE_INFINITY);
  }

  #noteAttempt(key: string, succeeded: boolean): void {
    const { clock, random } = this.#options;
    const failures = succeeded ? 0 : (this.#attempts.get(key)?.failures ?? 0) + 1;
    const wait = succeeded ? ASK_AGAIN_MS : backoffMs(failures, FIRST_RETRY_MS, LAST_RETRY_MS, random());
    this.#attempts.set(key, { failures, nextAt: clock.monotonic() + wait });
  }

  #askOrigin(serverName: ServerName): Promise<void> {
    const { db, transport, clock } = this.#options;
    return this.#flights.run(serverName, () =>
      this.#limiter.run(async () => {
        const fetched = await fetchFromOrigin(transport, serverName, clock.now);
        this.#noteAttempt(serverName, fetched !== undefined);
        if (fetched === undefined) return;
        const { keys, validUntil } = fetched.answer;
        await writeOriginKeys(db, { serverName, fetchedAt: clock.now(), validUntil, answer: fetched.json }, keys);
        this.#announce([serverName]);
      }),
    );
  }

  async #askNotaryNow(notary: ServerName, wants: Wants): Promise<void> {
    const attempt = (serverName: ServerName) => JSON.stringify([notary, serverName]);
    const asked = [...wants].filter(([serverName]) => serverName !== notary && this.#mayAsk(attempt(serverName)));
    if (asked.length === 0 || !this.#mayAsk(attempt(notary))) return;
    const { db, transport, clock } = this.#options;
    const findNotaryKey = await this.#keysOfNotary(notary);
    for (let i = 0; i < asked.length; i += NOTARY_BATCH) {
      const batch = asked.slice(i, i + NOTARY_BATCH);
      const answers = await fetchFromNotary(transport, notary, new Map(batch), findNotaryKey, clock.now);
      if (answers === undefined) {
        this.#noteAttempt(attempt(notary), false);
        return;
      }
      const told = new Set(answers.map((answer) => answer.serverName));
      for (const [serverName] of batch) this.#noteAttempt(attempt(serverName), told.has(serverName));
      await writeNotaryKeys(db, latestKeys(answers), clock.now());
      this.#announce(told);
    }
  }

  /** Keys of a notary that are valid now, from itself. */
  async #keysOfNotary(notary: ServerName): Promise<FindKey> {
    const now = this.#options.clock.now();
    const valid = (keys: KeysOfServer | undefined) => [...(keys ?? [])].filter(([, key]) => key.validUntil >= now);
    let keys = valid((await this.readStored([notary])).get(notary));
    if (keys.length === 0) {
      await this.askOrigins([notary]);
      keys = valid((await this.readStored([notary])).get(notary));
    }
    const publicKeys = new Map(keys.map(([keyId, key]) => [keyId, key.publicKey]));
    return (keyId) => publicKeys.get(keyId);
  }
}
