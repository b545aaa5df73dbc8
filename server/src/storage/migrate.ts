import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { OperatorError } from '../base/operator-error.ts';
import type { Database } from './database.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** One fixed key, so that processes that start together migrate one after the other. */
const MIGRATION_LOCK = 7_265_390;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(FOLDER)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).sort();
  return await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, FOLDER), 'utf8');
      return { version: Number(name.slice(0, 4)), name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Brings the schema up to date, each migration in a transaction of its own.
 *
 * @throws OperatorError for a database that was migrated by newer code, or by a migration file that has since been edited
 */
export async function migrate(db: Database): Promise<void> {
  const migrations = await readMigrations();
  await db.query(`CREATE TABLE IF NOT EXISTS migrations (
    version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const done = await db.query<{ version: number; name: string; checksum: string }>(
    'SELECT version, name, checksum FROM migrations ORDER BY version',
  );
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const row of done) {
    const migration = known.get(row.version);
    if (migration === undefined)
      throw new OperatorError(
        `A newer version of Parley has used this database (migration ${row.name} is not known here). ` +
          'Start that version or a newer one, or restore a backup from before.',
      );
    if (migration.checksum !== row.checksum)
      throw new OperatorError(
        `Migration ${row.name} was changed after it had been applied to this database. ` +
          'Restore the file as it was, or start with another --data folder or database_url.',
      );
  }
  const applied = new Set(done.map((row) => row.version));
  for (const migration of migrations) {
    if (applied.has(migration.version)) continue;
    await db.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
      const again = await tx.query('SELECT 1 FROM migrations WHERE version = $1', [migration.version]);
      if (again.length > 0) return;
      await tx.script(migration.sql);
      await tx.query('INSERT INTO migrations (version, name, checksum) VALUES ($1, $2, $3)', [
        migration.version,
        migration.name,
        migration.checksum,
      ]);
    });
  }
}
