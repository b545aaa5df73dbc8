import { type Database, openDatabase } from '../../server/src/storage/database.ts';

const CONNECTIONS = 20;

/** The canonical JSON of the newest message: what is stored per event, and so what the reference stores. */
export async function messagePayload(databaseUrl: string): Promise<string> {
  const db = openDatabase({ connection: databaseUrl, poolSize: 1 });
  try {
    const [row] = await db.query<{ pdu: string }>(
      `SELECT pdu FROM events WHERE type = 'm.room.message' ORDER BY nid DESC LIMIT 1`,
    );
    if (row === undefined) throw new Error('nobody has sent a message yet');
    return row.pdu;
  } finally {
    await db.close();
  }
}

async function insertFor(db: Database, payload: string, ms: number): Promise<number> {
  let inserted = 0;
  const end = performance.now() + ms;
  const worker = async () => {
    while (performance.now() < end) {
      await db.query('INSERT INTO bench_reference (payload) VALUES ($1)', [payload]);
      inserted++;
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return (inserted * 1000) / (performance.now() - started);
}

/**
 * R: rows a second that 20 connections insert one by one, each committed on its own, into the Postgres that the server uses,
 * while the server is idle. This is what the machine can do today without any server.
 */
export async function measureReference(databaseUrl: string, payload: string, ms: number): Promise<number> {
  const db = openDatabase({ connection: databaseUrl, poolSize: CONNECTIONS });
  try {
    await db.query('CREATE TABLE bench_reference (id bigserial PRIMARY KEY, payload text NOT NULL)');
    await insertFor(db, payload, ms / 4);
    return await insertFor(db, payload, ms);
  } finally {
    await db.query('DROP TABLE IF EXISTS bench_reference');
    await db.close();
  }
}
