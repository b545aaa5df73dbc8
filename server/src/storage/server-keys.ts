import type { ServerName } from '../protocol/event.ts';
import type { KeyId } from '../protocol/signing.ts';
import type { Database, Queryable } from './database.ts';

/** A signing key of another server. Times are milliseconds since 1970. */
export interface ServerKeyRow {
  readonly serverName: ServerName;
  readonly keyId: KeyId;
  /** Unpadded Base64. */
  readonly publicKey: string;
  /** Last moment for which a signature counts. */
  readonly validUntil: number;
  /** Whether the server itself said so, and not a notary. */
  readonly fromOrigin: boolean;
}

/** What a notary says about a key. */
export type NotaryKey = Omit<ServerKeyRow, 'fromOrigin'>;

/** The last answer of a server to `GET /_matrix/key/v2/server`. */
export interface ServerKeyAnswerRow {
  readonly serverName: ServerName;
  readonly fetchedAt: number;
  readonly validUntil: number;
  /** JSON text as signed by the server. */
  readonly answer: string;
}

const KEY_COLUMNS = `server_name AS "serverName", key_id AS "keyId", public_key AS "publicKey",
  valid_until AS "validUntil", from_origin AS "fromOrigin"`;

/** All known keys of the servers. */
export async function readServerKeys(db: Queryable, serverNames: readonly ServerName[]): Promise<ServerKeyRow[]> {
  return await db.query<ServerKeyRow>(`SELECT ${KEY_COLUMNS} FROM server_keys WHERE server_name = ANY ($1::text[])`, [
    serverNames,
  ]);
}

/**
 * Keys that a server told us itself replace whatever was known under their ids. Keys that it does not list and that only a
 * notary knows were in use before this answer at most.
 */
export async function writeOriginKeys(
  db: Database,
  answer: ServerKeyAnswerRow,
  keys: readonly Omit<ServerKeyRow, 'serverName' | 'fromOrigin'>[],
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query(
      `INSERT INTO server_key_answers (server_name, fetched_at, valid_until, answer) VALUES ($1, $2, $3, $4)
       ON CONFLICT (server_name) DO UPDATE
         SET fetched_at = excluded.fetched_at, valid_until = excluded.valid_until, answer = excluded.answer`,
      [answer.serverName, answer.fetchedAt, answer.validUntil, answer.answer],
    );
    await tx.query(
      `INSERT INTO server_keys (server_name, key_id, public_key, valid_until, from_origin)
       SELECT $1, key_id, public_key, valid_until, true
       FROM unnest($2::text[], $3::text[], $4::bigint[]) AS k (key_id, public_key, valid_until)
       ON CONFLICT (server_name, key_id) DO UPDATE
         SET public_key = excluded.public_key, valid_until = excluded.valid_until, from_origin = true`,
      [
        answer.serverName,
        keys.map((key) => key.keyId),
        keys.map((key) => key.publicKey),
        keys.map((key) => key.validUntil),
      ],
    );
    await tx.query(
      `UPDATE server_keys SET valid_until = least(valid_until, $2)
       WHERE server_name = $1 AND NOT from_origin AND key_id <> ALL ($3::text[])`,
      [answer.serverName, answer.fetchedAt, keys.map((key) => key.keyId)],
    );
  });
}

/**
 * Keys that a notary told us. They never replace the bytes of a key that is known. While an answer of the server itself is
 * valid and does not list them, they count for the time before that answer only.
 * @param now milliseconds since 1970
 */
export async function writeNotaryKeys(db: Queryable, keys: readonly NotaryKey[], now: number): Promise<void> {
  if (keys.length === 0) return;
  await db.query(
    `INSERT INTO server_keys AS known (server_name, key_id, public_key, valid_until, from_origin)
     SELECT k.server_name, k.key_id, k.public_key, least(k.valid_until, a.fetched_at), false
     FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS k (server_name, key_id, public_key, valid_until)
     LEFT JOIN server_key_answers a ON a.server_name = k.server_name AND a.valid_until >= $5
     ON CONFLICT (server_name, key_id) DO UPDATE SET valid_until = greatest(known.valid_until, excluded.valid_until)
       WHERE NOT known.from_origin AND known.public_key = excluded.public_key AND NOT EXISTS (
         SELECT FROM server_key_answers a WHERE a.server_name = known.server_name AND a.valid_until >= $5)`,
    [
      keys.map((key) => key.serverName),
      keys.map((key) => key.keyId),
      keys.map((key) => key.publicKey),
      keys.map((key) => key.validUntil),
      now,
    ],
  );
}

export async function readServerKeyAnswers(
  db: Queryable,
  serverNames: readonly ServerName[],
): Promise<ServerKeyAnswerRow[]> {
  return await db.query<ServerKeyAnswerRow>(
    `SELECT server_name AS "serverName", fetched_at AS "fetchedAt", valid_until AS "validUntil", answer
     FROM server_key_answers WHERE server_name = ANY ($1::text[])`,
    [serverNames],
  );
}
