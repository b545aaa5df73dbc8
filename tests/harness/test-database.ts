import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import { atEnd } from './at-end.ts';
import { databaseUrl, TEMPLATE } from './database-url.ts';

export interface TestDatabase extends Database {
  /** Connection string, for a second pool or another process. */
  readonly url: string;
}

/** Runs one statement on the server itself, outside every test database. */
async function administer(statement: string): Promise<void> {
  const server = openDatabase({ connection: databaseUrl(inject('postgresUrl'), 'postgres'), poolSize: 1 });
  try {
    await server.query(statement);
  } finally {
    await server.close();
  }
}

/** A database that may be dropped while something is still connected to it. */
export async function createTestDatabase(
  options: { migrated?: boolean } = {},
): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE ${options.migrated === false ? 'template0' : TEMPLATE}`);
  return {
    url: databaseUrl(inject('postgresUrl'), name),
    drop: () => administer(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/**
 * A migrated database of one's own on a real Postgres: `const db = await testDatabase();` at the top level of the file, in a
 * `describe` or in a test. It is dropped when that is done.
 */
export async function testDatabase(options: { poolSize?: number; migrated?: boolean } = {}): Promise<TestDatabase> {
  const { url, drop } = await createTestDatabase(options);
  const database = openDatabase({ connection: url, poolSize: options.poolSize ?? 5 });
  atEnd(async () => {
    await database.close();
    await drop();
  });
  return { ...database, url };
}
