import { createHash } from 'node:crypto';
import { backoffMs } from '../base/backoff.ts';
import type { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/logger.ts';
import type { Pace } from '../base/pace.ts';
import type { DestinationBackoff } from '../federation/destination-backoff.ts';
import type { Transaction } from '../federation/event-calls.ts';
import type { FederationClient } from '../federation/federation-client.ts';
import { FederationError } from '../federation/federation-error.ts';
import { findNonCanonical } from '../protocol/canonical-json.ts';
import type { EventId, RoomId, ServerName, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { parsePeerJson } from '../protocol/json-parser.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import type { Database } from '../storage/database.ts';
import {
  type DeliveryState,
  deliveryState,
  markSending,
  markSent,
  type PendingPdu,
  type PendingReceipt,
  pendingPdus,
  pendingReceipts,
} from '../storage/federation-queue.ts';
import { receiptEdus, typingEdu } from './federation-edus.ts';

/** Server-Server API, "Transactions". */
const MAX_PDUS = 50;
const MAX_EDUS = 100;
/** Receipts in one transaction: even if each needs an EDU of its own, there is room for typing notifications. */
const MAX_RECEIPTS = 80;
const MAX_TYPING = MAX_EDUS - MAX_RECEIPTS;
/** After so many refusals it is found out which item is refused, and that one is left out (A8.7). */
const TRIES = 3;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
/** How long a transaction that is under way may hold up the end of the process. */
const STOP_MS = 1_000;
/** After this long without an answer the end of a transaction is stored. */
const SLOW_MS = 500;

/** What all queues of a process share. */
export interface QueueParts {
  readonly db: Database;
  readonly serverName: ServerName;
  readonly client: FederationClient;
  readonly backoff: DestinationBackoff;
  /** Whether this process serves the destination at present. */
  readonly owns: (server: ServerName) => boolean;
  /** Position up to which the log can be read. */
  readonly logPosition: () => number;
  /** Looks into the database. */
  readonly reading: Limiter;
  /** Transactions under way to servers that work, and to those that may not. */
  readonly working: Limiter;
  readonly failing: Limiter;
  /** How fast servers that failed are tried again, all of them together. */
  readonly retries: Pace;
  readonly random: () => number;
  readonly logger: Logger;
}

interface Batch {
  readonly since: number;
  /** Everything up to here has been delivered when this has. */
  readonly upTo: number;
  readonly eventIds: readonly EventId[];
  readonly transaction: Transaction;
  /** Whether the end of the batch is stored already. */
  readonly isRepeated: boolean;
  /** Whether it reaches to the end of the log. */
  readonly isLast: boolean;
}

type Outcome = 'sent' | 'failed' | FederationError;

/**
 * Sends one destination what it must get, in the order of the log, one transaction at a time. What is to be sent is read anew
 * for each transaction from where the last one ended; only typing notifications live in memory, and die with a failure.
 */
export class DestinationQueue {
  readonly #parts: QueueParts;
  readonly #server: ServerName;
  readonly #patience = new AbortController();
  /** By room and user; insertion order is order of change. */
  readonly #typing = new Map<string, JsonObject>();
  /** Rooms with receipts that came since they were looked for last. */
  #receiptRooms = new Set<number>();
  /** Receipts may have come, in any room, while nobody told us. */
  #mayLackReceipts = true;
  /** Something said that there are events to send. */
  #isBehind = false;
  #running: Promise<void> | undefined;
  #wokenAgain = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** Where the delivery stands: nobody else moves it while the destination is ours. Undefined when it has to be read. */
  #state: DeliveryState | undefined;
  /** Whether there is an outage; undefined when it has to be looked up. */
  #hasOutage: boolean | undefined;
  #refusals = 0;
  /** While it is found out which item is refused: items up to here are sent one by one. */
  #singlyUpTo = 0;

  constructor(parts: QueueParts, server: ServerName) {
    this.#parts = parts;
    this.#server = server;
  }

  /** There are events to send: they are, unless the destination has to be left alone for now. */
  wake(): void {
    this.#isBehind = true;
    this.#startUnlessPaused();
  }

  /** There are events to send, but not before the outage has to be looked at again. */
  wakeLater(waitMs: number): void {
    this.#isBehind = true;
    if (this.#running === undefined && this.#timer === undefined) this.#pause(waitMs);
  }

  /** The destination is there again: what waits is sent now. */
  wakeNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#start();
  }

  /** The destination is ours again after another process may have served it. */
  takeOver(): void {
    this.#state = undefined;
    this.#hasOutage = undefined;
    this.#mayLackReceipts = true;
  }

  addReceipt(roomNid: number): void {
    this.#receiptRooms.add(roomNid);
    this.#startUnlessPaused();
  }

  /** Typing notifications are for now: while the destination is left alone, there are none. */
  addTyping(roomId: RoomId, userId: UserId, isTyping: boolean): void {
    if (this.#timer !== undefined) return;
    const key = JSON.stringify([roomId, userId]);
    this.#typing.delete(key);
    this.#typing.set(key, typingEdu(roomId, userId, isTyping));
    this.#start();
  }

  /**
   * Sends nothing more. What is under way has a moment to end and is then broken off: whoever goes on repeats it, and the
   * destination recognises it by its id.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const breakOff = setTimeout(() => this.#patience.abort(), STOP_MS);
    await this.#running;
    clearTimeout(breakOff);
  }

  #startUnlessPaused(): void {
    if (this.#timer === undefined) this.#start();
  }

  #start(): void {
    this.#wokenAgain = true;
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#run()
      .catch((error: unknown) => {
        // The database is away, or this is a bug: neither may stop the delivery for good.
        this.#parts.logger.error({ err: error, destination: this.#server }, 'Sending to a server was interrupted');
        this.#state = undefined;
        this.#pause(FIRST_RETRY_MS);
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#wokenAgain) this.#startUnlessPaused();
      });
  }

  #pause(ms: number): void {
    if (this.#stopped) return;
    this.#typing.clear();
    this.#mayLackReceipts = true;
    this.#hasOutage = undefined;
    this.#timer = setTimeout(() => this.#awaitTurn(), ms).unref();
  }

  #awaitTurn(): void {
    const waitMs = this.#parts.retries.reserve();
    if (waitMs > 0) this.#timer = setTimeout(() => this.wakeNow(), waitMs).unref();
    else this.wakeNow();
  }

  async #run(): Promise<void> {
    const { backoff, owns, reading, working, failing } = this.#parts;
    while (!this.#stopped && owns(this.#server)) {
      this.#wokenAgain = false;
      if (this.#hasOutage === undefined) {
        const outage = await reading.run(() => backoff.outage(this.#server));
        if (outage !== undefined && outage.waitMs > 0) return this.#pause(outage.waitMs);
        this.#hasOutage = outage !== undefined;
      }
      const batch = await reading.run(() => this.#nextBatch());
      if (batch === undefined) return;
      const isSuspect = this.#hasOutage || this.#refusals > 0;
      const outcome = await (isSuspect ? failing : working).run(() => this.#send(batch));
      if (outcome === 'sent') {
        this.#refusals = 0;
        this.#hasOutage = false;
        if (batch.isLast && !this.#wokenAgain) return;
        // At the next round it is seen how long to wait; not every failure is an outage.
      } else if (outcome === 'failed') return this.#pause(FIRST_RETRY_MS);
      else if (!(await this.#settleRefusal(batch, outcome))) return;
    }
  }

  /** What comes next; undefined when there is nothing. */
  async #nextBatch(): Promise<Batch | undefined> {
    const { db } = this.#parts;
    this.#state ??= await deliveryState(db, this.#server);
    const { sentPosition: since, sendingPosition: repeatTo } = this.#state;
    const isSingle = since < this.#singlyUpTo;
    const end = this.#parts.logPosition();
    const head = repeatTo !== null && repeatTo > since && !isSingle ? Math.min(repeatTo, end) : end;
    const limit = isSingle ? 1 : MAX_PDUS;
    const pdus = await pendingPdus(db, this.#server, { since, upTo: head, limit });
    const reach = pdus.length === limit ? (pdus.at(-1)?.position ?? head) : head;
    // While single items are tried, receipts are left out: they matter less than finding the item.
    const { receipts, upTo } = isSingle ? { receipts: [], upTo: reach } : await this.#takeReceipts(since, reach, end);
    const events = this.#sendable(pdus.filter((pdu) => pdu.position <= upTo));
    const edus = [...receiptEdus(receipts), ...(isSingle ? [] : this.#takeTyping())];

    if (events.length === 0 && edus.length === 0) {
      const isMoved = upTo > since && (this.#isBehind || pdus.length > 0 || repeatTo !== null);
      if (isMoved) await this.#settle(upTo);
      if (upTo === end) this.#isBehind = false;
      return isMoved && upTo < end ? await this.#nextBatch() : undefined;
    }
    const eventIds = events.map((pdu) => pdu.eventId);
    const digest = createHash('sha256').update(JSON.stringify(eventIds.length > 0 ? eventIds : edus));
    // The range makes it the same when it is repeated; the digest makes it another one when the database is.
    const txnId = `${since}-${upTo}-${digest.digest('base64url').slice(0, 12)}`;
    const transaction = { txnId, pdus: events.map((pdu) => pdu.json), edus };
    const isLast = upTo === end && this.#typing.size === 0;
    return { since, upTo, eventIds, transaction, isRepeated: repeatTo === upTo, isLast };
  }

  /** Everything up to the position has been delivered, or given up. */
  async #settle(upTo: number): Promise<void> {
    await markSent(this.#parts.db, this.#server, upTo);
    this.#state = { sentPosition: upTo, sendingPosition: null };
  }

  /** Receipts after `since` and up to `reach`, or to where there are too many of them. */
  async #takeReceipts(
    since: number,
    reach: number,
    end: number,
  ): Promise<{ receipts: PendingReceipt[]; upTo: number }> {
    const rooms = this.#mayLackReceipts ? null : [...this.#receiptRooms];
    if (rooms !== null && rooms.length === 0) return { receipts: [], upTo: reach };
    const { db, serverName } = this.#parts;
    const span = { since, upTo: reach, limit: MAX_RECEIPTS };
    if (reach === end) {
      // Those that come from now on lie behind the end.
      this.#receiptRooms = new Set();
      this.#mayLackReceipts = false;
    }
    const receipts = await pendingReceipts(db, this.#server, serverName, span, rooms);
    const last = receipts.length === MAX_RECEIPTS ? receipts.at(-1) : undefined;
    if (last === undefined) return { receipts, upTo: reach };
    this.#mayLackReceipts = true;
    return { receipts, upTo: last.position };
  }

  /** Events that may leave: whatever got into the database, no other server shall be given what it must refuse (A1.5). */
  #sendable(pdus: readonly PendingPdu[]): PendingPdu[] {
    return pdus.filter((pdu) => {
      const looseNumbers = roomVersion(pdu.roomVersion)?.strictCanonicalJson === false;
      if (findNonCanonical(parsePeerJson(pdu.json), { looseNumbers }) === undefined) return true;
      const { eventId } = pdu;
      this.#parts.logger.error(
        { eventId, destination: this.#server },
        'An event is not canonical JSON and is not sent',
      );
      return false;
    });
  }

  #takeTyping(): JsonObject[] {
    const taken = [...this.#typing].slice(0, MAX_TYPING);
    for (const [key] of taken) this.#typing.delete(key);
    return taken.map(([, edu]) => edu);
  }

  async #send(batch: Batch): Promise<Outcome> {
    const { client, logger } = this.#parts;
    const knownOutage = this.#hasOutage ?? true;
    // Most answers come at once, and then the end of the transaction need not be stored.
    let stored: Promise<void> | undefined;
    const store = () => {
      if (!batch.isRepeated) stored ??= this.#storeEnd(batch);
    };
    const slow = setTimeout(store, SLOW_MS);
    try {
      const options = { ignoreBackoff: true, knownOutage, signal: this.#patience.signal };
      const { pdus } = await client.sendTransaction(this.#server, batch.transaction, options);
      clearTimeout(slow);
      await stored;
      await this.#settle(batch.upTo);
      for (const [eventId, { error }] of pdus)
        if (error !== undefined)
          logger.info({ destination: this.#server, eventId, error }, 'A server refuses an event');
      return 'sent';
    } catch (error) {
      clearTimeout(slow);
      if (!(error instanceof FederationError)) throw error;
      store();
      await stored;
      return error.reason === 'refused' ? error : 'failed';
    }
  }

  /** Makes sure that the transaction is repeated as it is, also by another process. */
  async #storeEnd({ since, upTo }: Batch): Promise<void> {
    await markSending(this.#parts.db, this.#server, upTo);
    this.#state = { sentPosition: since, sendingPosition: upTo };
  }

  /**
   * The destination is there but refuses the transaction. Tries it again some times; then the items one by one; and leaves out
   * the one that is refused while the destination takes an empty transaction, because everything behind it waits (A8.7).
   * @returns whether to go on at once
   */
  async #settleRefusal(batch: Batch, refusal: FederationError): Promise<boolean> {
    const { client, logger, random } = this.#parts;
    const destination = this.#server;
    this.#refusals++;
    const wait = backoffMs(this.#refusals, FIRST_RETRY_MS, LAST_RETRY_MS, random());
    const asked = Number(refusal.extra.retry_after_ms ?? 0);
    if (refusal.errcode === 'M_LIMIT_EXCEEDED' || this.#refusals < TRIES) {
      this.#pause(Math.max(wait, asked));
      return false;
    }
    const { pdus, edus } = batch.transaction;
    if (batch.since >= this.#singlyUpTo && pdus.length + edus.length > 1) {
      logger.warn(
        { destination, remote: refusal.remote },
        'A server refuses a transaction; its events are sent singly',
      );
      this.#singlyUpTo = batch.upTo;
      this.#refusals = 0;
      return true;
    }
    const empty = { txnId: `${batch.transaction.txnId}-${Math.floor(random() * 1e9)}`, pdus: [], edus: [] };
    const takesOthers = await client.sendTransaction(destination, empty, { ignoreBackoff: true }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof FederationError) return false;
        throw error;
      },
    );
    if (!takesOthers) {
      this.#pause(wait);
      return false;
    }
    const [eventId] = batch.eventIds;
    logger.error(
      { destination, eventId, remote: refusal.remote },
      'A server refuses an event for good; it is left out',
    );
    await this.#settle(batch.upTo);
    this.#refusals = 0;
    return true;
  }
}
