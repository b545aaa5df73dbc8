import type { ServerName, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Queryable, Transaction } from './database.ts';

/** `content` of an `m.direct_to_device` EDU for another server. */
export interface OutgoingMessages {
  readonly server: ServerName;
  readonly content: JsonObject;
}

/** EDUs that wait for one server, and EDUs of one sender that wait for any of them. */
const MAX_FOR_SERVER = 5_000;
const MAX_OF_SENDER = 20_000;

const INSERT = `INSERT INTO to_device_outbox (server, content, sender, position)
  SELECT o.*, $3, $4 FROM unnest($1::text[], $2::text[]) AS o`;

/** Where too many wait for a server, whoever has most of them loses the oldest (A2.3). */
const TRIM_SERVERS = `WITH full_ones AS (SELECT server, count(*) - $2 AS surplus FROM to_device_outbox
    WHERE server = ANY ($1::text[]) GROUP BY server HAVING count(*) > $2),
  by_sender AS (SELECT server, sender, surplus, count(*) AS edus FROM to_device_outbox JOIN full_ones USING (server)
    GROUP BY server, sender, surplus),
  worst AS (SELECT DISTINCT ON (server) * FROM by_sender ORDER BY server, edus DESC)
  DELETE FROM to_device_outbox WHERE id IN (SELECT oldest.id FROM worst w CROSS JOIN LATERAL (SELECT o.id FROM to_device_outbox o
    WHERE o.server = w.server AND o.sender = w.sender ORDER BY o.id LIMIT w.surplus) oldest)`;

const TRIM_SENDER = `DELETE FROM to_device_outbox WHERE sender = $1
  AND id <= (SELECT id FROM to_device_outbox WHERE sender = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)`;

/** Queues EDUs, after the position has been taken from the log: the last thing in its transaction. */
export function insertOutgoing(
  tx: Transaction,
  sender: UserId,
  position: number,
  outgoing: readonly OutgoingMessages[],
): void {
  const servers = outgoing.map(({ server }) => server);
  tx.enqueue(INSERT, [servers, outgoing.map(({ content }) => JSON.stringify(content)), sender, position]);
  tx.enqueue(TRIM_SERVERS, [[...new Set(servers)], MAX_FOR_SERVER]);
  tx.enqueue(TRIM_SENDER, [sender, MAX_OF_SENDER]);
}

/** Servers that the EDUs at a position of the log are for. */
export async function outgoingServersAt(db: Queryable, positions: readonly number[]): Promise<ServerName[]> {
  const sql = 'SELECT DISTINCT server FROM to_device_outbox WHERE position = ANY ($1::bigint[])';
  return (await db.query<{ server: string }>(sql, [positions])).map((row) => row.server);
}

/** All servers that EDUs wait for. */
export async function allOutgoingServers(db: Queryable): Promise<ServerName[]> {
  const sql = 'SELECT DISTINCT server FROM to_device_outbox';
  return (await db.query<{ server: string }>(sql)).map((row) => row.server);
}

export interface OutgoingEdu {
  readonly id: number;
  /** `content` of the EDU as JSON text. */
  readonly content: string;
}

/** The EDUs that have waited longest for a server, of those up to a position of the log. */
export async function outgoingEdus(
  db: Queryable,
  server: ServerName,
  upTo: number,
  limit: number,
): Promise<OutgoingEdu[]> {
  const sql = 'SELECT id, content FROM to_device_outbox WHERE server = $1 AND position <= $2 ORDER BY id LIMIT $3';
  return await db.query(sql, [server, upTo, limit]);
}

/** Forgets EDUs that were delivered or given up. */
export async function deleteOutgoing(db: Queryable, ids: readonly number[]): Promise<void> {
  await db.query('DELETE FROM to_device_outbox WHERE id = ANY ($1::bigint[])', [ids]);
}
