import type { ServerName } from '../protocol/event.ts';
import type { Connection, Database } from '../storage/database.ts';

/** Destinations are divided into so many parts, each served by one process at a time. */
const SHARDS = 64;
const LOCK_CLASS = 7_265_391;
/** How long a part is unserved at most after its process has died. */
const POLL_MS = 1_000;

/** Part of a server name: the same in every process and every version. */
function shardOf(server: ServerName): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(server)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % SHARDS;
}

/**
 * Divides destinations between the processes on one database: session locks of Postgres on a connection of their own. When a
 * process ends, however that happens, its locks are free and another process takes them at its next look.
 */
export class ShardLocks {
  readonly #db: Database;
  readonly #onGained: (owns: (server: ServerName) => boolean) => void;
  readonly #onError: (error: unknown) => void;
  readonly #owned = new Set<number>();
  #connection: Connection | undefined;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param onGained called with a test for the destinations that are newly ours */
  constructor(
    db: Database,
    onGained: (owns: (server: ServerName) => boolean) => void,
    onError: (error: unknown) => void,
  ) {
    this.#db = db;
    this.#onGained = onGained;
    this.#onError = onError;
  }

  /** Whether this process serves the destination. */
  owns(server: ServerName): boolean {
    return this.#owned.has(shardOf(server));
  }

  ownsAny(): boolean {
    return this.#owned.size > 0;
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), POLL_MS);
    this.#look();
    await this.#looking;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#looking;
    this.#owned.clear();
    await this.#connection?.close();
  }

  #look(): void {
    if (this.#looking !== undefined || this.#stopped || this.#owned.size === SHARDS) return;
    this.#looking = this.#takeFree()
      .catch(this.#onError) // The next look tries again.
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #takeFree(): Promise<void> {
    this.#connection ??= await this.#db.connect(() => {
      // The locks went with the connection, and another process may have them already.
      this.#connection = undefined;
      this.#owned.clear();
    });
    const free = Array.from({ length: SHARDS }, (_, shard) => shard).filter((shard) => !this.#owned.has(shard));
    const connection = this.#connection;
    const rows = await connection.query<{ shard: number }>(
      'SELECT shard FROM unnest($2::int[]) AS shard WHERE pg_try_advisory_lock($1, shard)',
      [LOCK_CLASS, free],
    );
    if (rows.length === 0 || this.#connection !== connection) return;
    const gained = new Set(rows.map((row) => row.shard));
    for (const shard of gained) this.#owned.add(shard);
    this.#onGained((server) => gained.has(shardOf(server)));
  }
}
