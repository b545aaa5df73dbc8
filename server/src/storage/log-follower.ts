import type { Connection, Database } from './database.ts';
import type { LogKind } from './log.ts';

export interface LogRow {
  readonly position: number;
  readonly kind: LogKind;
  readonly roomNid: number | null;
  readonly userId: string | null;
  readonly ref: number | null;
}

const BATCH = 2_000;
const KEPT = 20_000;
/** Notifications get lost when the listening connection breaks: then this is how late we notice. */
const POLL_MS = 1_000;
const RECONNECT_MS = 500;

const READ = `SELECT position, kind, room_nid, user_id, ref FROM log WHERE position > $1 ORDER BY position LIMIT ${BATCH}`;

interface Row {
  position: number;
  kind: LogKind;
  room_nid: number | null;
  user_id: string | null;
  ref: number | null;
}

/**
 * Follows the log in this process: every row once, in order, soon after its commit, whichever process wrote it. Readers
 * that must not miss anything keep a cursor of their own and read the log again from there; this is what wakes them.
 */
export class LogFollower {
  readonly #db: Database;
  readonly #channels: readonly string[];
  readonly #onError: (error: unknown) => void;
  readonly #rowListeners = new Set<(rows: readonly LogRow[]) => void>();
  readonly #messageListeners = new Map<string, ((payload: string) => void)[]>();
  #origin = '';
  #position = 0;
  #kept: LogRow[] = [];
  /** Everything after this position is in `#kept`. */
  #keptAfter = 0;
  #reading: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #connection: Connection | undefined;
  #reconnecting: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;

  private constructor(db: Database, channels: readonly string[], onError: (error: unknown) => void) {
    this.#db = db;
    this.#channels = channels;
    this.#onError = onError;
  }

  /**
   * Starts at the present end of the log.
   *
   * @param channels notification channels whose messages `onMessage` hands out
   */
  static async start(
    db: Database,
    channels: readonly string[],
    onError: (error: unknown) => void,
  ): Promise<LogFollower> {
    const follower = new LogFollower(db, channels, onError);
    const [head] = await db.query<{ position: number; origin: string }>(
      'SELECT position, gen_random_uuid()::text AS origin FROM log_head',
    );
    follower.#origin = head?.origin ?? '';
    follower.#position = head?.position ?? 0;
    follower.#keptAfter = follower.#position;
    await follower.#listen();
    follower.#poll = setInterval(() => follower.poke(), POLL_MS);
    return follower;
  }

  /**
   * Payload of notifications about rows that will be offered to this follower, so that it need not read them as well. All
   * other rows are announced with an empty payload.
   */
  get origin(): string {
    return this.#origin;
  }

  /** Position up to which all rows have been handed to the listeners. */
  position(): number {
    return this.#position;
  }

  /** Looks for new rows now instead of at the next notification. Called after our own commits. */
  poke(): void {
    if (this.#stopped) return;
    if (this.#reading !== undefined) {
      this.#again = true;
      return;
    }
    this.#reading = this.#readOn()
      .catch(this.#onError) // Postgres is away: the next poll tries again from the same position.
      .finally(() => {
        this.#reading = undefined;
        if (this.#again) this.poke();
      });
  }

  /**
   * Hands over rows that this process has just committed. If they are the next ones, the log need not be read for them;
   * otherwise others have written in between and everything is read.
   */
  offer(rows: readonly LogRow[]): void {
    if (this.#reading === undefined && !this.#stopped && rows[0]?.position === this.#position + 1) this.#accept(rows);
    else this.poke();
  }

  /** @returns stops listening */
  onRows(listener: (rows: readonly LogRow[]) => void): () => void {
    this.#rowListeners.add(listener);
    return () => this.#rowListeners.delete(listener);
  }

  /** Messages that any process, this one included, sent with `notify` on one of the channels. */
  onMessage(channel: string, listener: (payload: string) => void): void {
    this.#messageListeners.set(channel, [...(this.#messageListeners.get(channel) ?? []), listener]);
  }

  /** Rows after `since`, and up to `until` where that is given, oldest first; undefined where memory does not hold them all. */
  recent(since: number, until?: number): readonly LogRow[] | undefined {
    if (since < this.#keptAfter || (until ?? 0) > this.#position) return undefined;
    return this.#kept.slice(this.#firstAfter(since), until === undefined ? undefined : this.#firstAfter(until));
  }

  /** Index of the first row that is kept and comes after a position. */
  #firstAfter(position: number): number {
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#kept[middle]?.position ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#reconnecting);
    await this.#reading;
    await this.#connection?.close();
  }

  async #readOn(): Promise<void> {
    do {
      this.#again = false;
      const rows = await this.#db.query<Row>(READ, [this.#position]);
      // Some of them may have been offered while they were being read.
      const fresh = rows.filter((row) => row.position > this.#position);
      if (fresh.length > 0) this.#accept(fresh.map(fromRow));
      if (rows.length === BATCH) this.#again = true;
    } while (this.#again && !this.#stopped);
  }

  #accept(rows: readonly LogRow[]): void {
    this.#kept.push(...rows);
    if (this.#kept.length > 2 * KEPT) {
      const dropped = this.#kept.length - KEPT;
      this.#keptAfter = this.#kept[dropped - 1]?.position ?? this.#keptAfter;
      this.#kept = this.#kept.slice(dropped);
    }
    this.#position = rows.at(-1)?.position ?? this.#position;
    for (const listener of this.#rowListeners) {
      try {
        listener(rows);
      } catch (error) {
        this.#onError(error); // One broken reader must not keep the others from the log.
      }
    }
  }

  async #listen(): Promise<void> {
    const connection = await this.#db.connect(() => this.#onLost());
    this.#connection = connection;
    connection.onNotification((channel, payload) => {
      if (channel === 'log') {
        if (payload !== this.#origin) this.poke();
      } else for (const listener of this.#messageListeners.get(channel) ?? []) listener(payload);
    });
    for (const channel of ['log', ...this.#channels]) await connection.query(`LISTEN "${channel}"`);
    this.poke();
  }

  #onLost(): void {
    if (this.#stopped || this.#reconnecting !== undefined) return;
    this.#connection = undefined;
    this.#reconnecting = setTimeout(() => {
      this.#reconnecting = undefined;
      this.#listen().catch(() => this.#onLost());
    }, RECONNECT_MS);
  }
}

function fromRow(row: Row): LogRow {
  return { position: row.position, kind: row.kind, roomNid: row.room_nid, userId: row.user_id, ref: row.ref };
}

/** Sends a message to every process on this database. Not durable; payload below 8,000 bytes. */
export async function notify(db: Database, channel: string, payload: string): Promise<void> {
  await db.query('SELECT pg_notify($1, $2)', [channel, payload]);
}
