import type { RoomId, ServerName, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { parsePeerJson } from '../protocol/json-parser.ts';
import type { Database } from '../storage/database.ts';
import { type PendingReceipt, pendingReceipts } from '../storage/federation-queue.ts';
import { outgoingEdus } from '../storage/to-device-outbox.ts';
import { receiptEdus, typingEdu } from './federation-edus.ts';

/** How the 100 EDUs of a transaction (Server-Server API, "Transactions") are divided, even if each receipt needs one of its own. */
const MAX_RECEIPTS = 60;
const MAX_TO_DEVICE = 20;
const MAX_TYPING = 20;

/** EDUs for one transaction. */
export interface TakenEdus {
  readonly edus: readonly JsonObject[];
  /** Everything of the log up to here that becomes EDUs is in them, or has been before. */
  readonly upTo: number;
  /** The rows of `to_device_outbox` among them. */
  readonly outgoing: readonly number[];
}

export interface PendingEdusParts {
  readonly db: Database;
  readonly serverName: ServerName;
  /** Position up to which the log can be read. */
  readonly logPosition: () => number;
}

/**
 * What one destination must be told besides events. Receipts and messages to devices are read from the database, and only if
 * there may be some; typing notifications live here alone.
 */
export class PendingEdus {
  readonly #parts: PendingEdusParts;
  readonly #server: ServerName;
  /** By room and user; insertion order is order of change. */
  readonly #typing = new Map<string, JsonObject>();
  /** Rooms with receipts that nobody has looked for yet, and the end of the log when they were named. */
  readonly #receiptRooms = new Map<number, number>();
  /** Receipts may have come, in any room, while nobody told us. */
  #mayLackReceipts = true;
  /** Messages to devices may wait: where the log ended when that was said. Undefined when there are none. */
  #outgoingAt: number | undefined = 0;

  constructor(parts: PendingEdusParts, server: ServerName) {
    this.#parts = parts;
    this.#server = server;
  }

  /** Whether there is something that no later look at the log would find. */
  get hasMore(): boolean {
    return this.#typing.size > 0 || this.#outgoingAt !== undefined;
  }

  addReceipt(roomNid: number): void {
    this.#receiptRooms.set(roomNid, this.#parts.logPosition());
  }

  addTyping(roomId: RoomId, userId: UserId, isTyping: boolean): void {
    const key = JSON.stringify([roomId, userId]);
    this.#typing.delete(key);
    this.#typing.set(key, typingEdu(roomId, userId, isTyping));
  }

  /** Messages to devices wait. */
  addToDevice(): void {
    this.#outgoingAt = this.#parts.logPosition();
  }

  /** The destination is left alone for a while, or another process may have served it: what is stored is looked for again. */
  lookAgain(): void {
    this.#mayLackReceipts = true;
    this.#outgoingAt = this.#parts.logPosition();
  }

  /** What lives here alone is for now, and now the destination cannot be reached. */
  dropPassing(): void {
    this.#typing.clear();
  }

  /**
   * EDUs for the next transaction.
   *
   * @param since position up to which the destination has everything
   * @param reach position up to which the transaction has the events
   * @param end where the log ends
   */
  async take(since: number, reach: number, end: number): Promise<TakenEdus> {
    const { receipts, upTo } = await this.#takeReceipts(since, reach, end);
    const outgoing = this.#outgoingAt === undefined ? [] : await this.takeToDevice(reach, end, MAX_TO_DEVICE);
    const edus = [...receiptEdus(receipts), ...outgoing.map(({ edu }) => edu), ...this.#takeTyping()];
    return { edus, upTo, outgoing: outgoing.map(({ id }) => id) };
  }

  /** The messages to devices that have waited longest, up to a position. They wait until they are deleted. */
  async takeToDevice(reach: number, end: number, limit: number): Promise<{ id: number; edu: JsonObject }[]> {
    const rows = await outgoingEdus(this.#parts.db, this.#server, reach, limit);
    const isAll = rows.length < limit && reach === end;
    if (isAll && this.#outgoingAt !== undefined && this.#outgoingAt <= end) this.#outgoingAt = undefined;
    return rows.map(({ id, content }) => ({
      id,
      edu: { edu_type: 'm.direct_to_device', content: parsePeerJson(content) as JsonObject },
    }));
  }

  /** Receipts after `since` and up to `reach`, or to where there are too many of them. */
  async #takeReceipts(
    since: number,
    reach: number,
    end: number,
  ): Promise<{ receipts: PendingReceipt[]; upTo: number }> {
    const rooms = this.#mayLackReceipts ? null : [...this.#receiptRooms.keys()];
    if (rooms !== null && rooms.length === 0) return { receipts: [], upTo: reach };
    const { db, serverName } = this.#parts;
    const span = { since, upTo: reach, limit: MAX_RECEIPTS };
    if (reach === end) {
      for (const [room, toldAt] of this.#receiptRooms) if (toldAt <= end) this.#receiptRooms.delete(room);
      this.#mayLackReceipts = false;
    }
    const receipts = await pendingReceipts(db, this.#server, serverName, span, rooms);
    const last = receipts.length === MAX_RECEIPTS ? receipts.at(-1) : undefined;
    if (last === undefined) return { receipts, upTo: reach };
    this.#mayLackReceipts = true;
    return { receipts, upTo: last.position };
  }

  #takeTyping(): JsonObject[] {
    const taken = [...this.#typing].slice(0, MAX_TYPING);
    for (const [key] of taken) this.#typing.delete(key);
    return taken.map(([, edu]) => edu);
  }
}
