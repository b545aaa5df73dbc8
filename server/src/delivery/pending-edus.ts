import type { RoomId, ServerName, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { parsePeerJson } from '../protocol/json-parser.ts';
import type { Database } from '../storage/database.ts';
import { pendingDeviceLists } from '../storage/device-list-queue.ts';
import { pendingReceipts } from '../storage/federation-queue.ts';
import { outgoingEdus } from '../storage/to-device-outbox.ts';
import { deviceListEdu, presenceEdu, receiptEdus, typingEdu } from './federation-edus.ts';

/** How the 100 EDUs of a transaction (Server-Server API, "Transactions") are divided, even if each receipt needs one of its own. */
const MAX_RECEIPTS = 40;
const MAX_DEVICE_LISTS = 20;
const MAX_TO_DEVICE = 20;
const MAX_TYPING = 19;
/** Users in the one EDU with presence, and its size: servers keep no more of one (A2.3). */
const MAX_PRESENCE = 100;
const MAX_PRESENCE_BYTES = 40_000;
/** Users whose presence waits for one destination. Whoever is dropped is told of when all are told again. */
const MAX_PENDING_PRESENCE = 1_000;

/** EDUs for one transaction. */
export interface TakenEdus {
  readonly edus: readonly JsonObject[];
  /** Everything of the log up to here that becomes EDUs is in them, or has been before. */
  readonly upTo: number;
  /** Where the log was looked at from, for `lookAgain`. */
  readonly from: number;
  /** The rows of `to_device_outbox` among them. */
  readonly outgoing: readonly number[];
}

export interface PendingEdusParts {
  readonly db: Database;
  readonly serverName: ServerName;
  /** Position up to which the log can be read. */
  readonly logPosition: () => number;
  /** What is shown of a user now, as content of `m.presence`. */
  readonly presenceOf: (userId: UserId) => JsonObject | undefined;
}

/**
 * What one destination must be told besides events. Receipts, changed device lists and messages to devices are read from the
 * database, and only if there may be some; typing notifications, and whose presence is to be told, live here alone.
 */
export class PendingEdus {
  readonly #parts: PendingEdusParts;
  readonly #server: ServerName;
  /** By room and user; insertion order is order of change. */
  readonly #typing = new Map<string, JsonObject>();
  /** Users: what is told of them is what is so when it is sent. */
  readonly #presence = new Set<UserId>();
  /**
   * Position of the log after which there may be receipts and changed device lists to tell; undefined when there are none. It may
   * lie before the events that the destination has: those may have been sent while it was still looked up who must be told.
   */
  #from: number | undefined = Number.POSITIVE_INFINITY;
  /** The last position that was named. */
  #named = 0;
  /** Rooms in which the receipts are; undefined when they may be in any. */
  #receiptRooms: Set<number> | undefined;
  /** Messages to devices may wait: where the log ended when that was said. Undefined when there are none. */
  #outgoingAt: number | undefined = 0;

  constructor(parts: PendingEdusParts, server: ServerName) {
    this.#parts = parts;
    this.#server = server;
  }

  /** Whether there may be something for the next transaction already. */
  get hasMore(): boolean {
    return this.#typing.size + this.#presence.size > 0 || this.#outgoingAt !== undefined || this.#from !== undefined;
  }

  /** There is a receipt in the room at the position of the log. */
  addReceipt(roomNid: number, position: number): void {
    this.#receiptRooms?.add(roomNid);
    this.addDeviceLists(position);
  }

  /** At the position, devices changed of a user who shares a room with the destination, or such a user came to a room of it. */
  addDeviceLists(position: number): void {
    this.#from = Math.min(this.#from ?? position - 1, position - 1);
    this.#named = Math.max(this.#named, position);
  }

  addTyping(roomId: RoomId, userId: UserId, isTyping: boolean): void {
    const key = JSON.stringify([roomId, userId]);
    this.#typing.delete(key);
    this.#typing.set(key, typingEdu(roomId, userId, isTyping));
  }

  addPresence(userIds: readonly UserId[]): void {
    for (const userId of userIds) {
      this.#presence.delete(userId);
      this.#presence.add(userId);
    }
    for (const oldest of this.#presence) {
      if (this.#presence.size <= MAX_PENDING_PRESENCE) break;
      this.#presence.delete(oldest);
    }
  }

  /** Messages to devices wait. */
  addToDevice(): void {
    this.#outgoingAt = this.#parts.logPosition();
  }

  /**
   * The destination is left alone for a while, or another process may have served it: what is stored is looked for again.
   *
   * @param from of EDUs that were taken and have not arrived
   */
  lookAgain(from = Number.POSITIVE_INFINITY): void {
    this.#from = Math.min(this.#from ?? from, from);
    this.#receiptRooms = undefined;
    this.#outgoingAt = this.#parts.logPosition();
  }

  /** What lives here alone is for now, and now the destination cannot be reached. */
  dropPassing(): void {
    this.#typing.clear();
    this.#presence.clear();
  }

  /**
   * EDUs for the next transaction.
   *
   * @param since position up to which the destination has everything
   * @param reach position up to which the transaction has the events
   * @param end where the log ends
   */
  async take(since: number, reach: number, end: number): Promise<TakenEdus> {
    const from = Math.min(since, this.#from ?? since);
    const stored = this.#from === undefined ? { edus: [], looked: reach } : await this.#takeStored(from, reach, end);
    const outgoing = this.#outgoingAt === undefined ? [] : await this.takeToDevice(reach, end, MAX_TO_DEVICE);
    return {
      edus: [...stored.edus, ...outgoing.map(({ edu }) => edu), ...this.#takeTyping(), ...this.#takePresence()],
      upTo: Math.max(since, stored.looked),
      from,
      outgoing: outgoing.map(({ id }) => id),
    };
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

  /** Changed device lists and receipts after `from` and up to `reach`, or to where there are too many of them. */
  async #takeStored(from: number, reach: number, end: number): Promise<{ edus: JsonObject[]; looked: number }> {
    const { db, serverName } = this.#parts;
    const rooms = this.#receiptRooms === undefined ? null : [...this.#receiptRooms];
    // What is named from here on, while the database is asked, is looked for the next time.
    this.#from = undefined;
    this.#receiptRooms = new Set();
    const listSpan = { since: from, upTo: reach, limit: MAX_DEVICE_LISTS };
    const lists = await pendingDeviceLists(db, this.#server, serverName, listSpan);
    const upTo = lists.length === MAX_DEVICE_LISTS ? (lists.at(-1)?.at ?? reach) : reach;
    const span = { since: from, upTo, limit: MAX_RECEIPTS };
    const receipts = rooms?.length === 0 ? [] : await pendingReceipts(db, this.#server, serverName, span, rooms);
    const looked = receipts.length === MAX_RECEIPTS ? (receipts.at(-1)?.position ?? upTo) : upTo;
    if (looked < end || this.#named > end) {
      this.#from = Math.min(this.#from ?? looked, looked);
      const added: ReadonlySet<number> | undefined = this.#receiptRooms;
      this.#receiptRooms = rooms === null || added === undefined ? undefined : new Set([...rooms, ...added]);
    }
    const changed = lists.filter(({ at }) => at <= looked);
    return { edus: [...changed.map(deviceListEdu), ...receiptEdus(receipts)], looked };
  }

  #takeTyping(): JsonObject[] {
    const taken = [...this.#typing].slice(0, MAX_TYPING);
    for (const [key] of taken) this.#typing.delete(key);
    return taken.map(([, edu]) => edu);
  }

  #takePresence(): JsonObject[] {
    const push: JsonObject[] = [];
    let bytes = 0;
    for (const userId of this.#presence) {
      if (push.length === MAX_PRESENCE || bytes > MAX_PRESENCE_BYTES) break;
      this.#presence.delete(userId);
      const content = this.#parts.presenceOf(userId);
      if (content === undefined) continue;
      const update = { user_id: userId, ...content };
      push.push(update);
      bytes += Buffer.byteLength(JSON.stringify(update));
    }
    return push.length === 0 ? [] : [presenceEdu(push)];
  }
}
