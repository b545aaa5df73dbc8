import type { ServerName, UserId } from '../protocol/event.ts';
import type { Queryable, Transaction } from './database.ts';

/** A medium whose bytes are in the content store. */
export interface StoredMedium {
  readonly serverName: ServerName;
  readonly mediaId: string;
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  /** As given by who uploaded it; undefined where nothing was given. */
  readonly contentType: string | undefined;
  readonly fileName: string | undefined;
}

/** What is known of an mxc:// URI, whether or not something can be read there. */
export type MediumState =
  | { readonly state: 'stored'; readonly medium: StoredMedium }
  | { readonly state: 'empty'; readonly uploader: UserId; readonly unusedExpiresAt: number };

interface MediumRow {
  server_name: string;
  media_id: string;
  sha256: Buffer | null;
  size_bytes: number | null;
  content_type: string | null;
  file_name: string | null;
  uploader: UserId | null;
  unused_expires_at: number | null;
}

/**
 * The one way to read a medium. Media whose bytes are in quarantine are not there for anybody, whatever URI they are asked
 * for by.
 */
export async function findMedium(
  db: Queryable,
  serverName: ServerName,
  mediaId: string,
): Promise<MediumState | undefined> {
  const [row] = await db.query<MediumRow>(
    `SELECT m.server_name, m.media_id, m.sha256, c.size_bytes, m.content_type, m.file_name, m.uploader, m.unused_expires_at
     FROM media m LEFT JOIN media_content c USING (sha256)
     WHERE m.server_name = $1 AND m.media_id = $2 AND c.quarantined_at IS NULL`,
    [serverName, mediaId],
  );
  if (row === undefined) return undefined;
  if (row.sha256 === null || row.size_bytes === null) {
    if (row.uploader === null || row.unused_expires_at === null) return undefined;
    return { state: 'empty', uploader: row.uploader, unusedExpiresAt: row.unused_expires_at };
  }
  return {
    state: 'stored',
    medium: {
      serverName: row.server_name,
      mediaId: row.media_id,
      sha256: row.sha256,
      sizeBytes: row.size_bytes,
      contentType: row.content_type ?? undefined,
      fileName: row.file_name ?? undefined,
    },
  };
}

/** Which of these empty URIs have been uploaded to since; positions in the two lists belong together. */
export async function findUploaded(
  db: Queryable,
  serverNames: readonly ServerName[],
  mediaIds: readonly string[],
): Promise<{ serverName: ServerName; mediaId: string }[]> {
  return await db.query(
    `SELECT m.server_name AS "serverName", m.media_id AS "mediaId"
     FROM unnest($1::text[], $2::text[]) AS wanted (server_name, media_id)
     JOIN media m USING (server_name, media_id) WHERE m.sha256 IS NOT NULL`,
    [serverNames, mediaIds],
  );
}

/**
 * Locks one hash until the end of the transaction: shared by who puts bytes into the store and writes their row, exclusive
 * for who removes bytes that have no row. So bytes never vanish between being stored and being acknowledged.
 */
export async function lockContent(tx: Transaction, sha256: Buffer, mode: 'shared' | 'exclusive'): Promise<void> {
  const call = mode === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await tx.query(`SELECT ${call}($1::bigint)`, [sha256.readBigInt64BE(0).toString()]);
}

/** Records that the store durably holds these bytes. Only under the shared lock of their hash. */
export async function insertContent(tx: Transaction, content: { sha256: Buffer; sizeBytes: number }): Promise<void> {
  await tx.query('INSERT INTO media_content (sha256, size_bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    content.sha256,
    content.sizeBytes,
  ]);
}

/** Those of the hashes that no row vouches for. */
export async function findUnknownContent(db: Queryable, hashes: readonly Buffer[]): Promise<Buffer[]> {
  const rows = await db.query<{ sha256: Buffer }>(
    `SELECT sha256 FROM unnest($1::bytea[]) AS stored (sha256)
     WHERE NOT EXISTS (SELECT FROM media_content c WHERE c.sha256 = stored.sha256)`,
    [hashes],
  );
  return rows.map((row) => row.sha256);
}

export interface NewMedium {
  readonly serverName: ServerName;
  readonly mediaId: string;
  readonly sha256: Buffer;
  /** Undefined for media of other servers. */
  readonly uploader: UserId | undefined;
  readonly contentType: string | undefined;
  readonly fileName: string | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Adds a medium. A second copy of the same remote medium, fetched by another process meanwhile, changes nothing. */
export async function insertMedium(tx: Transaction, medium: NewMedium): Promise<void> {
  await tx.query(
    `INSERT INTO media (server_name, media_id, sha256, uploader, content_type, file_name, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [
      medium.serverName,
      medium.mediaId,
      medium.sha256,
      medium.uploader ?? null,
      medium.contentType ?? null,
      medium.fileName ?? null,
      medium.createdAt,
    ],
  );
}

/**
 * Hands out a URI without content, unless the user already has `limit` of them. Answers when the oldest of those expires,
 * in milliseconds since 1970, if so.
 */
export async function insertEmptyMedium(
  tx: Transaction,
  medium: { serverName: ServerName; mediaId: string; uploader: UserId; createdAt: number; unusedExpiresAt: number },
  limit: number,
): Promise<{ inserted: true } | { inserted: false; nextExpiry: number }> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('media pending ' || $1, 0))`, [medium.uploader]);
  const pending = await tx.query<{ unused_expires_at: number }>(
    `SELECT unused_expires_at FROM media WHERE uploader = $1 AND sha256 IS NULL AND unused_expires_at > $2
     ORDER BY unused_expires_at LIMIT $3`,
    [medium.uploader, medium.createdAt, limit],
  );
  const [first] = pending;
  if (first !== undefined && pending.length >= limit) return { inserted: false, nextExpiry: first.unused_expires_at };
  await tx.query(
    'INSERT INTO media (server_name, media_id, uploader, created_at, unused_expires_at) VALUES ($1, $2, $3, $4, $5)',
    [medium.serverName, medium.mediaId, medium.uploader, medium.createdAt, medium.unusedExpiresAt],
  );
  return { inserted: true };
}

/** Gives an empty URI its content. False when it is not empty (any more) or gone. */
export async function fillEmptyMedium(tx: Transaction, medium: Omit<NewMedium, 'createdAt'>): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE media SET sha256 = $3, content_type = $5, file_name = $6, unused_expires_at = NULL
     WHERE server_name = $1 AND media_id = $2 AND uploader = $4 AND sha256 IS NULL RETURNING 1`,
    [
      medium.serverName,
      medium.mediaId,
      medium.sha256,
      medium.uploader ?? null,
      medium.contentType ?? null,
      medium.fileName ?? null,
    ],
  );
  return rows.length === 1;
}

/** Forgets URIs that stayed empty past their time. Answers how many. */
export async function deleteExpiredEmptyMedia(db: Queryable, expiredBefore: number): Promise<number> {
  const rows = await db.query('DELETE FROM media WHERE sha256 IS NULL AND unused_expires_at < $1 RETURNING 1', [
    expiredBefore,
  ]);
  return rows.length;
}

export type ThumbnailMethod = 'crop' | 'scale';

/** What a stored thumbnail was made from and for. Sizes in pixels. */
export interface ThumbnailKey {
  readonly source: Buffer;
  readonly width: number;
  readonly height: number;
  readonly method: ThumbnailMethod;
  readonly animated: boolean;
}

export interface StoredThumbnail {
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  readonly contentType: string;
}

/** A thumbnail made earlier. */
export async function findThumbnail(db: Queryable, key: ThumbnailKey): Promise<StoredThumbnail | undefined> {
  const [row] = await db.query<StoredThumbnail>(
    `SELECT t.sha256, c.size_bytes AS "sizeBytes", t.content_type AS "contentType"
     FROM media_thumbnails t JOIN media_content c USING (sha256)
     WHERE t.source_sha256 = $1 AND t.width = $2 AND t.height = $3 AND t.method = $4 AND t.animated = $5`,
    [key.source, key.width, key.height, key.method, key.animated],
  );
  return row;
}

/** Records a thumbnail whose bytes the store holds. */
export async function insertThumbnail(
  tx: Transaction,
  key: ThumbnailKey,
  thumbnail: { sha256: Buffer; contentType: string },
): Promise<void> {
  await tx.query(
    `INSERT INTO media_thumbnails (source_sha256, width, height, method, animated, sha256, content_type)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [key.source, key.width, key.height, key.method, key.animated, thumbnail.sha256, thumbnail.contentType],
  );
}

/** Withholds bytes from everybody, under every URI that shows them now or later. False when we do not hold such bytes. */
export async function quarantineContent(db: Queryable, sha256: Buffer, by: UserId, at: number): Promise<boolean> {
  const rows = await db.query(
    'UPDATE media_content SET quarantined_at = $2, quarantined_by = $3 WHERE sha256 = $1 RETURNING 1',
    [sha256, at, by],
  );
  return rows.length === 1;
}
