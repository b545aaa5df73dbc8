import type { KeyId } from '../protocol/signing.ts';
import type { Queryable } from './database.ts';

/** The public half of a signing key of this server. Times are milliseconds since 1970. */
export interface OwnSigningKeyRow {
  readonly keyId: KeyId;
  /** Unpadded Base64. */
  readonly publicKey: string;
  readonly lastUsedAt: number;
}

export async function readOwnSigningKeys(db: Queryable): Promise<OwnSigningKeyRow[]> {
  return await db.query<OwnSigningKeyRow>(
    'SELECT key_id AS "keyId", public_key AS "publicKey", last_used_at AS "lastUsedAt" FROM own_signing_keys',
  );
}

/**
 * Says that this process uses the key now.
 * @returns false when another key is known under this id, which then must not be used
 */
export async function useOwnSigningKey(
  db: Queryable,
  key: { keyId: KeyId; publicKey: string },
  now: number,
): Promise<boolean> {
  const rows = await db.query(
    `INSERT INTO own_signing_keys AS known (key_id, public_key, created_at, last_used_at) VALUES ($1, $2, $3, $3)
     ON CONFLICT (key_id) DO UPDATE SET last_used_at = greatest(known.last_used_at, excluded.last_used_at)
       WHERE known.public_key = excluded.public_key
     RETURNING 1`,
    [key.keyId, key.publicKey, now],
  );
  return rows.length > 0;
}
