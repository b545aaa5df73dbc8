import { expect, test } from 'vitest';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import { bindServerName, checkServer } from '../../server/src/storage/installation.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();

/** Another connection to the database, with the settings that it has by now. */
async function withConnection<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const database = openDatabase({ connection: db.url, poolSize: 1 });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

test('a database that keeps what it commits is used', async () => {
  await expect(withConnection(checkServer)).resolves.toBeUndefined();
});

test('a database that may lose what it has acknowledged is refused', async () => {
  const [row] = await db.query<{ name: string }>('SELECT current_database() AS name');
  await db.query(`ALTER DATABASE ${row?.name} SET synchronous_commit = off`);
  await expect(withConnection(checkServer)).rejects.toThrow('synchronous_commit = off');
  await db.query(`ALTER DATABASE ${row?.name} RESET synchronous_commit`);
});

test('a Postgres that is too old, or has no UTF-8, is refused', async () => {
  const answering = (changed: Record<string, string>): Database => ({
    ...db,
    // What such a server would say; there is none of them here.
    async query<Row>(text: string, values?: unknown[]) {
      const rows = await db.query<{ name: string; setting: string }>(text, values);
      return rows.map((row) => ({ ...row, setting: changed[row.name] ?? row.setting })) as Row[];
    },
  });
  await expect(checkServer(answering({ server_version_num: '140012' }))).rejects.toThrow('PostgreSQL 14');
  await expect(checkServer(answering({ server_encoding: 'SQL_ASCII' }))).rejects.toThrow('UTF8');
  await expect(checkServer(answering({ fsync: 'off' }))).rejects.toThrow('fsync = off');
});

test('a database keeps the server name that it was first used with', async () => {
  await bindServerName(db, 'first.example.org');
  await bindServerName(db, 'first.example.org');
  await expect(bindServerName(db, 'second.example.org')).rejects.toThrow('belongs to the server first.example.org');
});
