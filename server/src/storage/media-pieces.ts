import type { Queryable, Transaction } from './database.ts';

/** Bytes per row; the last piece of a file may be shorter. */
export const PIECE_BYTES = 512 * 1024;

/** Writes one piece of a file. Writing it again changes nothing: the key is the hash of what it belongs to. */
export async function insertPiece(tx: Transaction, sha256: Buffer, piece: number, bytes: Buffer): Promise<void> {
  await tx.query('INSERT INTO media_pieces (sha256, piece, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
    sha256,
    piece,
    bytes,
  ]);
}

/** One piece of a file, or undefined past its end. */
export async function readPiece(db: Queryable, sha256: Buffer, piece: number): Promise<Buffer | undefined> {
  const [row] = await db.query<{ bytes: Buffer }>('SELECT bytes FROM media_pieces WHERE sha256 = $1 AND piece = $2', [
    sha256,
    piece,
  ]);
  return row?.bytes;
}

/** True when the first piece is there, and with it, since all are written in one transaction, every piece. */
export async function hasPieces(db: Queryable, sha256: Buffer): Promise<boolean> {
  const rows = await db.query('SELECT FROM media_pieces WHERE sha256 = $1 AND piece = 0', [sha256]);
  return rows.length === 1;
}

export async function deletePieces(tx: Transaction, sha256: Buffer): Promise<void> {
  await tx.query('DELETE FROM media_pieces WHERE sha256 = $1', [sha256]);
}
