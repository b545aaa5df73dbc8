import { expect, test } from 'vitest';
import { migrate } from '../../server/src/storage/migrate.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase({ migrated: false });

test('migrating twice, also at the same time, applies every migration once', async () => {
  await migrate(db);
  await Promise.all([migrate(db), migrate(db)]);
  const rows = await db.query<{ version: number }>('SELECT version FROM migrations ORDER BY version');
  expect(new Set(rows.map((row) => row.version)).size).toBe(rows.length);
});

test('a migration file that was changed after it had been applied is refused', async () => {
  await migrate(db);
  await db.query(`UPDATE migrations SET checksum = 'x' || checksum WHERE version = 1`);
  await expect(migrate(db)).rejects.toThrow('was changed after it had been applied');
  await db.query(`UPDATE migrations SET checksum = substr(checksum, 2) WHERE version = 1`);
  await migrate(db);
});

test('a database that newer code has touched is refused', async () => {
  await migrate(db);
  await db.query(`INSERT INTO migrations (version, name, checksum) VALUES (9999, '9999-newer.sql', 'x')`);
  await expect(migrate(db)).rejects.toThrow('9999-newer.sql');
  await db.query('DELETE FROM migrations WHERE version = 9999');
});
