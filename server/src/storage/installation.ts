import { OperatorError } from '../base/operator-error.ts';
import { type Database, isDatabaseOutage } from './database.ts';

/** Binds a new database to the server name. @throws OperatorError when it is bound to another, since the name is in every id it holds */
export async function bindServerName(db: Database, serverName: string): Promise<void> {
  await db.query('INSERT INTO installation (server_name) VALUES ($1) ON CONFLICT DO NOTHING', [serverName]);
  const [row] = await db.query<{ server_name: string }>('SELECT server_name FROM installation');
  if (row?.server_name !== serverName)
    throw new OperatorError(
      `This database belongs to the server ${row?.server_name}, and a server name can never change. ` +
        `Start with --server-name ${row?.server_name}, or with another --data folder or database_url.`,
    );
}

/** What to do about what Postgres says to who wants to connect, by SQLSTATE. */
const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'Correct the user name or the password in database_url.',
  '28000': 'Correct the user name in database_url, or let it in (pg_hba.conf).',
  '3D000': 'Create the database, or correct its name in database_url.',
};

/** Connects once. @throws OperatorError where the database does not let us in or cannot be reached */
export async function requireConnection(db: Database): Promise<void> {
  try {
    await (await db.connect(() => {})).close();
  } catch (error) {
    const reason = isDatabaseOutage(error) ? (error as Error).cause : error;
    const { code = '', message, errors } = reason as { code?: string; message: string; errors?: readonly Error[] };
    // A host with several addresses fails with an error for each of them, and no message for all.
    const said = message || errors?.map((each) => each.message).join(', ') || code;
    const advice = ADVICE[code] ?? 'Start PostgreSQL, or correct database_url.';
    throw new OperatorError(`The database cannot be used (${said}). ${advice}`);
  }
}

const OLDEST_VERSION = 15;

/**
 * Looks whether the database lets us in and keeps what it commits.
 *
 * @throws OperatorError where it does not
 */
export async function checkServer(db: Database): Promise<void> {
  const rows = await db.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings
     WHERE name IN ('server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding')`,
  );
  const settings = new Map(rows.map((row) => [row.name, row.setting]));
  const version = Math.floor(Number(settings.get('server_version_num')) / 10_000);
  if (version < OLDEST_VERSION)
    throw new OperatorError(
      `The database is PostgreSQL ${version}, and Parley needs ${OLDEST_VERSION} or newer. ` +
        'Upgrade it, or leave database_url out to use the PostgreSQL that comes with Parley.',
    );
  const encoding = settings.get('server_encoding');
  if (encoding !== 'UTF8')
    throw new OperatorError(
      `The database has the encoding ${encoding}, and Parley needs UTF8. Make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.`,
    );
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit'])
    if (settings.get(name) === 'off')
      throw new OperatorError(
        `The database has ${name} = off: it may lose messages after having acknowledged them. Set it to on.`,
      );
  const [rights] = await db.query<{ name: string; may_create: boolean | null }>(
    `SELECT current_user::text AS name, has_schema_privilege(current_schema(), 'CREATE') AS may_create`,
  );
  if (rights?.may_create !== true)
    throw new OperatorError(
      `The database user ${rights?.name} may not create tables. Make it the owner of the database: ALTER DATABASE … OWNER TO ${rights?.name}.`,
    );
}
