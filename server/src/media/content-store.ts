import type { Readable } from 'node:stream';
import type { Transaction } from '../storage/database.ts';
import type { Spooled } from './spool.ts';

/** A part of some bytes, both ends included, as in HTTP. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the bytes of media are, by their SHA-256. The database decides which of them exist: bytes without a row in
 * `media_content` are leftovers.
 */
export interface ContentStore {
  /** Folder for files on their way in; publishing takes them from there. */
  readonly incomingFolder: string;
  /**
   * Makes bytes durable under their hash, inside the transaction that records them and under the hash's shared lock. When it
   * returns they survive a crash, if the transaction commits. Storing bytes that are there already is fine.
   */
  publish(tx: Transaction, spooled: Spooled): Promise<void>;
  /** The bytes, whole or a part; undefined when the store does not hold them. */
  open(sha256: Buffer, range?: ByteRange): Promise<Readable | undefined>;
  /** Hashes of everything held that a crash may have left without a row, in pages. */
  list(): AsyncIterable<Buffer[]>;
  /** Removes bytes, inside a transaction that holds the hash's exclusive lock. */
  remove(tx: Transaction, sha256: Buffer): Promise<void>;
}
