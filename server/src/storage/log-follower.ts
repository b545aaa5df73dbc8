import type { Connection, Database } from './database.ts';
import type { LogKind } from './log.ts';

export interface LogRow {
  readonly position: number;
  readonly kind: LogKind;
  readonly roomNid: number | null;
  readonly userId: string | null;
  readonly ref: number | null;
}

/**
 * Follows the log in this process: every row once, in order, soon after its commit, whichever process wrote it. Readers
 * that must not miss anything keep a cursor of their own and read the log again from there; this is what wakes them.
 */
export interface LogFollower {
  /** Position up to which all rows have been handed to the listeners. */
  position(): number;
  /** Looks for new rows now instead of at the next notification. Called after our own commits. */
  poke(): void;
  onRows(listener: (rows: readonly LogRow[]) => void): () => void;
  /** Messages that other processes sent with `notify` on a channel of this name. */
  onMessage(channel: string, listener: (payload: string) => void): void;
  /** Rows after `since`, oldest first, if memory still holds them all. */
  recent(since: number): readonly LogRow[] | undefined;
  stop(): Promise<void>;
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

export async function followLog(
  db: Database,
  channels: readonly string[],
  onError: (error: unknown) => void,
): Promise<LogFollower> {
  const [head] = await db.query<{ position: number }>('SELECT position FROM log_head');
  let position = head?.position ?? 0;
  let oldestKept = position;
  let kept: LogRow[] = [];
  let reading: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let connection: Connection | undefined;
  let reconnecting: NodeJS.Timeout | undefined;
  const listeners = new Set<(rows: readonly LogRow[]) => void>();
  const messageListeners = new Map<string, ((payload: string) => void)[]>();

  function accept(rows: readonly LogRow[]): void {
    kept.push(...rows);
    if (kept.length > 2 * KEPT) {
      kept = kept.slice(-KEPT);
      oldestKept = (kept[0]?.position ?? position + 1) - 1;
    }
    position = rows.at(-1)?.position ?? position;
    for (const listener of listeners) {
      try {
        listener(rows);
      } catch (error) {
        onError(error); // One broken reader must not keep the others from the log.
      }
    }
  }

  async function readOn(): Promise<void> {
    do {
      again = false;
      const rows = await db.query<Row>(READ, [position]);
      if (rows.length > 0)
        accept(
          rows.map((row) => ({
            position: row.position,
            kind: row.kind,
            roomNid: row.room_nid,
            userId: row.user_id,
            ref: row.ref,
          })),
        );
      if (rows.length === BATCH) again = true;
    } while (again && !stopped);
  }

  function poke(): void {
    if (stopped) return;
    if (reading !== undefined) {
      again = true;
      return;
    }
    reading = readOn()
      .catch(onError) // Postgres is away: the next poll tries again from the same position.
      .finally(() => {
        reading = undefined;
        if (again) poke();
      });
  }

  async function listen(): Promise<void> {
    connection = await db.connect(onLost);
    connection.onNotification((channel, payload) => {
      if (channel === 'log') poke();
      else for (const listener of messageListeners.get(channel) ?? []) listener(payload);
    });
    for (const channel of ['log', ...channels]) await connection.query(`LISTEN "${channel}"`);
    poke();
  }

  function onLost(): void {
    if (stopped || reconnecting !== undefined) return;
    connection = undefined;
    reconnecting = setTimeout(() => {
      reconnecting = undefined;
      listen().catch(onLost);
    }, RECONNECT_MS);
  }

  await listen();
  const poll = setInterval(poke, POLL_MS);

  return {
    position: () => position,
    poke,
    onRows(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onMessage(channel, listener) {
      messageListeners.set(channel, [...(messageListeners.get(channel) ?? []), listener]);
    },
    recent(since) {
      if (since < oldestKept) return undefined;
      let low = 0;
      let high = kept.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((kept[middle]?.position ?? 0) > since) high = middle;
        else low = middle + 1;
      }
      return kept.slice(low);
    },
    async stop() {
      stopped = true;
      clearInterval(poll);
      clearTimeout(reconnecting);
      await reading;
      await connection?.close();
    },
  };
}

/** Sends a message to every process on this database. Not durable; payload below 8,000 bytes. */
export async function notify(db: Database, channel: string, payload: string): Promise<void> {
  await db.query('SELECT pg_notify($1, $2)', [channel, payload]);
}
