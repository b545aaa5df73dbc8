import { mkdir, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Database } from '../storage/database.ts';
import { deletePieces, hasPieces, insertPiece, PIECE_BYTES, readPiece } from '../storage/media-pieces.ts';
import type { ByteRange, ContentStore } from './content-store.ts';
import { discard } from './spool.ts';

async function* readRange(db: Database, sha256: Buffer, range: ByteRange | undefined): AsyncGenerator<Buffer> {
  const start = range?.start ?? 0;
  const end = range?.end ?? Number.MAX_SAFE_INTEGER;
  for (let piece = Math.floor(start / PIECE_BYTES); piece * PIECE_BYTES <= end; piece++) {
    const bytes = await readPiece(db, sha256, piece);
    if (bytes === undefined) return;
    const offset = piece * PIECE_BYTES;
    yield bytes.subarray(Math.max(0, start - offset), end - offset + 1);
    if (bytes.length < PIECE_BYTES) return;
  }
}

/**
 * Keeps content in Postgres, in the transaction that records it: for processes that share a database but no folder. A crash
 * leaves nothing behind except files in `incomingFolder`, which belongs to this machine.
 */
export async function openDatabaseContentStore(db: Database, incomingFolder: string): Promise<ContentStore> {
  await mkdir(incomingFolder, { recursive: true, mode: 0o700 });
  return {
    incomingFolder,

    async publish(tx, spooled) {
      if (!(await hasPieces(tx, spooled.sha256))) {
        const handle = await open(spooled.path);
        try {
          const buffer = Buffer.allocUnsafe(PIECE_BYTES);
          let piece = 0;
          do {
            const { bytesRead } = await handle.read(buffer, 0, PIECE_BYTES, piece * PIECE_BYTES);
            await insertPiece(tx, spooled.sha256, piece, buffer.subarray(0, bytesRead));
            piece++;
          } while (piece * PIECE_BYTES < spooled.sizeBytes);
        } finally {
          await handle.close();
        }
      }
      await discard(spooled);
    },

    async open(sha256, range) {
      if (!(await hasPieces(db, sha256))) return undefined;
      return Readable.from(readRange(db, sha256, range), { objectMode: false, highWaterMark: PIECE_BYTES });
    },

    async *list() {},

    remove: deletePieces,
  };
}
