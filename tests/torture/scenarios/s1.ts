import { setTimeout as delay } from 'node:timers/promises';
import { type Database, openDatabase, type Transaction } from '../../../server/src/storage/database.ts';
import { appendLog } from '../../../server/src/storage/log.ts';
import { LogFollower } from '../../../server/src/storage/log-follower.ts';
import { migrate } from '../../../server/src/storage/migrate.ts';
import { judgeDatabases } from '../database-findings.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import type { Findings, Scenario, ScenarioOptions } from '../scenario.ts';

const WRITERS = 16;
const READERS = 4;
const ROWS = { gate: 50_000, full: 1_000_000 };
/** Longest time that a transaction stays open between its last statement and its commit, in milliseconds. */
const MAX_COMMIT_DELAY_MS = 2;
const MAX_ROWS_PER_COMMIT = 64;
const CATCH_UP_MS = 300_000;

/** A way to write rows that readers follow by position, which is to be judged. */
interface Stream {
  append(tx: Transaction, rows: number, random: SeededRandom): Promise<void>;
  /** Positions after `since` that can be seen now, in order. */
  read(db: Database, since: number): Promise<number[]>;
}

/** The log as the server uses it. */
const log: Stream = {
  async append(tx, rows) {
    await appendLog(
      tx,
      Array.from({ length: rows }, () => ({ kind: 'profile' as const })),
    );
  },
  async read(db, since) {
    const rows = await db.query<{ position: number }>(
      'SELECT position FROM log WHERE position > $1 ORDER BY position LIMIT 5000',
      [since],
    );
    return rows.map((row) => row.position);
  },
};

/** What one would write without thinking: numbers from a sequence, in the order in which they were taken. */
const sequence: Stream = {
  async append(tx, rows) {
    await tx.query('INSERT INTO naive_log (payload) SELECT 1 FROM generate_series(1, $1::int)', [rows]);
  },
  async read(db, since) {
    const rows = await db.query<{ id: number }>('SELECT id FROM naive_log WHERE id > $1 ORDER BY id LIMIT 5000', [
      since,
    ]);
    return rows.map((row) => row.id);
  },
};

async function write(db: Database, stream: Stream, total: number, random: SeededRandom): Promise<void> {
  let left = total;
  const writer = async (own: SeededRandom) => {
    while (left > 0) {
      const rows = Math.min(left, own.integer(1, MAX_ROWS_PER_COMMIT));
      left -= rows;
      const delayMs = own.next() * MAX_COMMIT_DELAY_MS;
      const rollsBack = own.next() < 0.02;
      await db
        .transaction(async (tx) => {
          await stream.append(tx, rows, own);
          await delay(delayMs);
          if (rollsBack) throw new Error('rolled back on purpose');
        })
        .catch((error: Error) => {
          if (!rollsBack) throw error;
          left += rows;
        });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, () => writer(random.fork())));
}

/** Follows a stream by position at full speed until it is told that nothing more comes. Answers all it saw, in order. */
async function follow(db: Database, stream: Stream, isOver: () => boolean): Promise<number[]> {
  const seen: number[] = [];
  for (;;) {
    const wasOver = isOver();
    const positions = await stream.read(db, seen.at(-1) ?? 0);
    seen.push(...positions);
    if (positions.length === 0 && wasOver) return seen;
  }
}

function missing(all: ReadonlySet<number>, seen: readonly number[]): number[] {
  const had = new Set(seen);
  return [...all].filter((position) => !had.has(position));
}

async function everything(db: Database, table: 'log' | 'naive_log'): Promise<Set<number>> {
  const column = table === 'log' ? 'position' : 'id';
  const rows = await db.query<{ n: number }>(`SELECT ${column} AS n FROM ${table}`);
  return new Set(rows.map((row) => row.n));
}

/** Writes `rows` rows while readers follow. Answers what each reader saw. */
async function race(db: Database, stream: Stream, rows: number, random: SeededRandom): Promise<number[][]> {
  let isOver = false;
  const readers = Array.from({ length: READERS }, () => follow(db, stream, () => isOver));
  await write(db, stream, rows, random);
  isOver = true;
  return await Promise.all(readers);
}

async function run({ tier, seed, createDatabase, report }: ScenarioOptions): Promise<Findings> {
  const random = seededRandom(seed);
  const { url } = await createDatabase();
  const db = openDatabase({ connection: url, poolSize: WRITERS + READERS });
  try {
    await migrate(db);
    await db.query('CREATE TABLE naive_log (id bigserial PRIMARY KEY, payload integer NOT NULL)');
    const rows = ROWS[tier];

    report(`${rows} rows by ${WRITERS} writers into the log`);
    const followed: number[] = [];
    const follower = await LogFollower.start(db, [], (error) => report(String(error)));
    follower.onRows((batch) => followed.push(...batch.map((row) => row.position)));
    const seen = await race(db, log, rows, random);
    const all = await everything(db, 'log');
    const last = seen[0]?.at(-1) ?? 0;
    const deadline = performance.now() + CATCH_UP_MS;
    while (follower.position() < last && performance.now() < deadline) await delay(10);
    await follower.stop();

    // A tenth is plenty to show what a plain sequence would have lost, and that these readers notice.
    const naiveRows = Math.min(rows, ROWS.gate) / 10;
    report(`${naiveRows} rows by ${WRITERS} writers into a plain sequence`);
    const naive = await race(db, sequence, naiveRows, random);
    const naiveAll = await everything(db, 'naive_log');

    const database = await judgeDatabases([url]);
    const missed = seen.flatMap((positions) => missing(all, positions));
    const missedByFollower = missing(all, followed);
    const repeated = followed.length - new Set(followed).size;
    const missedInSequence = Math.max(...naive.map((ids) => missing(naiveAll, ids).length));
    return {
      counts: { append: { ok: all.size + naiveAll.size, fail: 0, unknown: 0 } },
      figures: [
        { name: 'rows written', value: all.size, unit: 'rows', min: rows },
        { name: 'missed by readers', value: missed.length, unit: 'rows', max: 0 },
        { name: 'missed by the follower of the log', value: missedByFollower.length, unit: 'rows', max: 0 },
        { name: 'handed to listeners twice', value: repeated, unit: 'rows', max: 0 },
        { name: 'missed in a plain sequence', value: missedInSequence, unit: 'rows', min: 1 },
        { name: 'share missed in a plain sequence', value: (100 * missedInSequence) / naiveAll.size, unit: '%' },
        ...database.figures,
      ],
      examples: [...missed.slice(0, 10).map((position) => `position ${position} was skipped`), ...database.examples],
    };
  } finally {
    await db.close();
  }
}

export const s1: Scenario = {
  id: 'S1',
  title: 'Readers of the log miss nothing while 16 writers commit in any order',
  run,
};
