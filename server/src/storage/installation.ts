import type { Database } from './database.ts';

/** Binds a new database to the server name. Throws when it is bound to another, since the name is in every id it holds. */
export async function bindServerName(db: Database, serverName: string): Promise<void> {
  await db.query('INSERT INTO installation (server_name) VALUES ($1) ON CONFLICT DO NOTHING', [serverName]);
  const [row] = await db.query<{ server_name: string }>('SELECT server_name FROM installation');
  if (row?.server_name !== serverName)
    throw new Error(
      `This database belongs to the server ${row?.server_name}, and a server name can never change. ` +
        `Start with --server-name ${row?.server_name}, or with another --data folder or database_url.`,
    );
}

const OLDEST_VERSION = 15;

/** Refuses a Postgres that is too old, or that may lose what it has committed. */
export async function checkServer(db: Database): Promise<void> {
  const rows = await db.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings
     WHERE name IN ('server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding')`,
  );
  const settings = new Map(rows.map((row) => [row.name, row.setting]));
  const version = Math.floor(Number(settings.get('server_version_num')) / 10_000);
  if (version < OLDEST_VERSION)
    throw new Error(`The database is PostgreSQL ${version}; Parley needs ${OLDEST_VERSION} or newer.`);
  if (settings.get('server_encoding') !== 'UTF8') throw new Error('The database must have the encoding UTF8.');
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit'])
    if (settings.get(name) === 'off')
      throw new Error(`The database has ${name} = off: it may lose messages after having acknowledged them.`);
}
