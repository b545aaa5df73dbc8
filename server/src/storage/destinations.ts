import type { ServerName } from '../protocol/event.ts';
import type { Queryable } from './database.ts';

/** The outage of a server: since when it cannot be reached and when to try again, in milliseconds since 1970. */
export interface Outage {
  readonly failingSince: number;
  readonly retryAt: number;
}

/** The present outage of the server, undefined while it works. */
export async function readOutage(db: Queryable, server: ServerName): Promise<Outage | undefined> {
  const [row] = await db.query<Outage>(
    `SELECT failing_since AS "failingSince", retry_at AS "retryAt" FROM destinations
     WHERE server_name = $1 AND failing_since IS NOT NULL`,
    [server],
  );
  return row;
}

/** Notes a failure. The start of an outage stays what it was; of two moments to try again the later one counts. */
export async function writeOutage(db: Queryable, server: ServerName, outage: Outage): Promise<void> {
  await db.query(
    `INSERT INTO destinations AS d (server_name, failing_since, retry_at) VALUES ($1, $2, $3)
     ON CONFLICT (server_name) DO UPDATE SET failing_since = coalesce(d.failing_since, excluded.failing_since),
       retry_at = CASE WHEN d.failing_since IS NULL THEN excluded.retry_at ELSE greatest(d.retry_at, excluded.retry_at) END`,
    [server, outage.failingSince, outage.retryAt],
  );
}

/** @returns whether there was an outage to end */
export async function endOutage(db: Queryable, server: ServerName): Promise<boolean> {
  const rows = await db.query(
    `UPDATE destinations SET failing_since = NULL, retry_at = NULL
     WHERE server_name = $1 AND failing_since IS NOT NULL RETURNING 1`,
    [server],
  );
  return rows.length > 0;
}
