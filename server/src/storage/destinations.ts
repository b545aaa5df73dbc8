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

/** All outages that there are at present. */
export async function readOutages(db: Queryable): Promise<(Outage & { readonly server: ServerName })[]> {
  return await db.query(
    `SELECT server_name AS server, failing_since AS "failingSince", retry_at AS "retryAt" FROM destinations
     WHERE failing_since IS NOT NULL`,
  );
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

/** Channel on which every process is told the names of servers whose outage has ended. */
export const RECOVERY_CHANNEL = 'server_recovered';

/** Ends the outage of a server, if there is one, and tells all processes. */
export async function endOutage(db: Queryable, server: ServerName): Promise<void> {
  await db.query(
    `WITH ended AS (UPDATE destinations SET failing_since = NULL, retry_at = NULL
       WHERE server_name = $1 AND failing_since IS NOT NULL RETURNING server_name)
     SELECT pg_notify('${RECOVERY_CHANNEL}', server_name) FROM ended`,
    [server],
  );
}
