import { createHash } from 'node:crypto';
import pg from 'pg';
import { MatrixError, unavailable } from '../protocol/errors.ts';

// bigint columns are ids and log positions: JavaScript bigints would infect all arithmetic, and 2^53 positions last for
// 28,000 years at 10,000 a second, so they are read as numbers and refused beyond what a number holds.
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`bigint out of range: ${text}`);
  return value;
});
pg.types.setTypeParser(1016 as never, (text: string) =>
  text === '{}' ? [] : text.slice(1, -1).split(',').map(Number),
);

export interface Queryable {
  /** Runs one statement, prepared on first use per connection, and answers its rows. */
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** A connection inside an open transaction. */
export interface Transaction extends Queryable {
  readonly transaction: true;
  /**
   * Sends a statement without waiting for its answer: the commit waits for all of them and fails with the first that failed.
   * Statements of a transaction run in the order in which they were given, waited for or not.
   */
  enqueue(text: string, values?: unknown[]): void;
  /** Runs several statements without parameters: migrations. */
  script(sql: string): Promise<void>;
}

export interface Database extends Queryable {
  /** Commits what `work` did, or rolls all of it back when it throws. Never nested. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** A connection of its own, outside the pool: for LISTEN and for session-level advisory locks. */
  connect(onLost: (error: Error) => void): Promise<Connection>;
  close(): Promise<void>;
}

export interface Connection extends Queryable {
  onNotification(handler: (channel: string, payload: string) => void): void;
  close(): Promise<void>;
}

/** SQLSTATE classes that mean "the server is away", not "the statement is wrong". */
const AWAY = new Set([
  ...['57P01', '57P02', '57P03', '08000', '08003', '08006', '08001', '08004'],
  // It has no disk, no memory or no connection left, or cannot read or write: so it is until somebody has seen to it.
  ...['53100', '53200', '53300', '58030'],
]);

/** What `pg` says without a code. The pool is ended when the server stops, which requests under way may outlive. */
const AWAY_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Cannot use a pool after calling end',
];

/** True when the error says that Postgres cannot be reached for now, so that the same call may succeed later. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string')
    return AWAY.has(code) || ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT'].includes(code);
  return AWAY_MESSAGES.some((message) => error.message.includes(message));
}

/** True for what the functions of this file throw while Postgres is away, or once the pool has been closed. */
export function isDatabaseOutage(error: unknown): boolean {
  return error instanceof MatrixError && error.status === 503 && isDatabaseAway(error.cause);
}

/** Told when Postgres turns out to be away, and when it first answers again. */
export interface OutageListener {
  began(error: Error): void;
  ended(): void;
}

function rethrow(error: unknown): never {
  if (isDatabaseAway(error)) throw Object.assign(unavailable(), { cause: error });
  throw error;
}

const names = new Map<string, string>();
function statementName(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('base64url').slice(0, 20);
    names.set(text, name);
  }
  return name;
}

async function run<Row>(client: pg.ClientBase | pg.Pool, text: string, values?: unknown[]): Promise<Row[]> {
  const result = await client.query({ name: statementName(text), text, values: values ?? [] });
  return result.rows as Row[];
}

/**
 * Holds back what is written to the connection until the work that is under way has to wait for something. Each write of its own
 * costs a system call and wakes Postgres, which together cost more than the statement itself.
 */
function gather(client: pg.PoolClient): void {
  const { stream } = client.connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/**
 * Statements are pipelined: BEGIN travels with the first of them and COMMIT with the last, so that a transaction costs as many
 * round trips as it has answers to wait for, and one write for each.
 */
async function runTransaction<T>(client: pg.PoolClient, work: (tx: Transaction) => Promise<T>): Promise<T> {
  gather(client);
  const sent: Promise<unknown>[] = [client.query('BEGIN').catch((error: unknown) => ({ error }))];
  // Their failures are looked at below; until then nobody waits for them.
  const send = (statement: Promise<unknown>) => void sent.push(statement.catch((error: unknown) => ({ error })));
  let firstFailure: unknown;
  const gathered = <Row>(text: string, values: unknown[] | undefined) => {
    gather(client);
    const answer = run<Row>(client, text, values);
    answer.catch((error: unknown) => {
      firstFailure ??= error;
    });
    return answer;
  };
  const tx: Transaction = {
    transaction: true,
    query: (text, values) => gathered<never>(text, values),
    enqueue: (text, values) => send(gathered(text, values)),
    script: async (sql) => void (await client.query(sql)),
  };
  try {
    const result = await work(tx);
    gather(client);
    const committed = client.query('COMMIT').then(
      // Postgres answers so, and not with an error, where a statement failed before.
      ({ command }) => (command === 'COMMIT' ? {} : { error: new Error('The transaction was rolled back.') }),
      (error: unknown) => ({ error }),
    );
    throwFirst(await Promise.all([...sent, committed]));
    return result;
  } catch (error) {
    // Postgres refuses whatever follows a statement that has failed. Why that one failed says more.
    const isAftermath = error instanceof pg.DatabaseError && error.code === IN_FAILED_TRANSACTION;
    throw isAftermath ? (firstFailure ?? error) : error;
  }
}

const IN_FAILED_TRANSACTION = '25P02';

/** Throws the error of the first statement that failed. */
function throwFirst(outcomes: readonly unknown[]): void {
  for (const outcome of outcomes)
    if (typeof outcome === 'object' && outcome !== null && 'error' in outcome) throw outcome.error;
}

interface Held {
  readonly client: pg.PoolClient;
  /** Keeps the pool from handing the connection out again. */
  breakWith(error: Error): void;
  release(): void;
}

function hold(pool: pg.Pool): Promise<Held> {
  return new Promise((resolve, reject) => {
    // Not awaited: what frees a connection and the news of its end may come as one piece, which is read before a promise goes on,
    // and an error that nobody listens to would end the process.
    pool.connect((error, client) => {
      if (client === undefined) {
        reject(error);
        return;
      }
      let broken: Error | undefined;
      const breakWith = (reason: Error) => {
        broken = reason;
      };
      client.on('error', breakWith);
      const release = () => {
        client.off('error', breakWith);
        client.release(broken);
      };
      resolve({ client, breakWith, release });
    });
  });
}

export interface DatabaseOptions {
  /** Postgres connection string, or the settings of a socket connection. */
  readonly connection: string | pg.ClientConfig;
  /** Connections in the pool. */
  readonly poolSize: number;
  readonly applicationName?: string;
  readonly outages?: OutageListener;
}

/**
 * Our statements are prepared and take arrays of any length: planning them anew each time costs more than they do. So a plan
 * is made once per connection, for tables of any size: those of a new server are empty, and a plan that reads a whole table, cheap
 * as it then looks, would be kept while the table grows.
 */
const PLANNING = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c random_page_cost=1.1 -c jit=off';

/** Opens a pool. Connections are made on demand; the first query fails with 503 when Postgres is away. */
export function openDatabase(options: DatabaseOptions): Database {
  const base: pg.ClientConfig =
    typeof options.connection === 'string' ? { connectionString: options.connection } : options.connection;
  const settings: pg.PoolConfig = {
    ...base,
    application_name: options.applicationName ?? 'parley',
    statement_timeout: 60_000,
    lock_timeout: 20_000,
    idle_in_transaction_session_timeout: 60_000,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    options: `${PLANNING} ${base.options ?? ''}`,
  };
  const pool = new pg.Pool({ ...settings, pipeline: true, max: options.poolSize } as pg.PoolConfig);
  // An idle connection that breaks is replaced on demand; without a listener it would end the process.
  pool.on('error', () => {});

  // How often it has gone or come back: odd while it is away. Only what was asked after the last time says how it is now.
  let turns = 0;
  const answered = (askedIn: number) => {
    if (askedIn !== turns || turns % 2 === 0) return;
    turns += 1;
    options.outages?.ended();
  };
  const failed = (error: unknown, askedIn: number): never => {
    if (isDatabaseAway(error) && askedIn === turns && turns % 2 === 0 && !pool.ending) {
      turns += 1;
      options.outages?.began(error as Error);
    }
    rethrow(error);
  };

  return {
    async query(text, values) {
      const askedIn = turns;
      const rows = await run<never>(pool, text, values).catch((error) => failed(error, askedIn));
      answered(askedIn);
      return rows;
    },

    async transaction(work) {
      const askedIn = turns;
      const held = await hold(pool).catch((error) => failed(error, askedIn));
      try {
        const result = await runTransaction(held.client, work);
        answered(askedIn);
        return result;
      } catch (error) {
        // If this fails, the connection is gone, and with it the transaction: the pool must not hand it out again.
        await held.client.query('ROLLBACK').catch(held.breakWith);
        return failed(error, askedIn);
      } finally {
        held.release();
      }
    },

    async connect(onLost) {
      const client = new pg.Client(settings);
      let closing = false;
      client.on('error', (error) => {
        if (!closing) onLost(error);
      });
      client.on('end', () => {
        if (!closing) onLost(new Error('Connection terminated'));
      });
      await client.connect().catch(rethrow);
      return {
        query: (text, values) => run<never>(client, text, values).catch(rethrow),
        onNotification(handler) {
          client.on('notification', (message) => handler(message.channel, message.payload ?? ''));
        },
        async close() {
          closing = true;
          await client.end();
        },
      };
    },

    close: () => pool.end(),
  };
}
