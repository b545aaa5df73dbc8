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
import { parsePeerJson } from '../protocol/json-parser.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import {
  type DeliveryState,
  deliveryState,
  markSending,
  markSent,
  type PendingPdu,
  pendingPdus,
} from '../storage/federation-queue.ts';
import { deleteOutgoing } from '../storage/to-device-outbox.ts';
import { PendingEdus, type PendingEdusParts, type TakenEdus } from './pending-edus.ts';

/** Server-Server API, "Transactions". */
const MAX_PDUS = 50;
/** After so many refusals it is found out which item is refused, and that one is left out (A8.7). */
const TRIES = 3;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
/** How long a transaction that is under way may hold up the end of the process. */
const STOP_MS = 1_000;
/** After this long without an answer the end of a transaction is stored. */
const SLOW_MS = 500;

/** What all queues of a process share. */
export interface QueueParts extends PendingEdusParts {
  readonly client: FederationClient;
  readonly backoff: DestinationBackoff;
  /** Whether this process serves the destination at present. */
  readonly owns: (server: ServerName) => boolean;
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
  /** Messages to devices in it, which wait until they are deleted. */
  readonly outgoing: readonly number[];
  /** Where its other EDUs were looked for from. */
  readonly edusFrom: number;
  readonly transaction: Transaction;
  /** Whether the end of the batch is stored already. */
  readonly isRepeated: boolean;
  /** Whether it reaches to the end of the log. */
  readonly isLast: boolean;
}

type Outcome = 'sent' | 'failed' | FederationError;

/**
 * Sends one destination what it must get, in the order of the log, one transaction at a time. What is to be sent is read anew
 * for each transaction from where the last one ended; only typing notifications and presence live in memory, and die with a
 * failure.
 */
export class DestinationQueue {
  readonly #parts: QueueParts;
  readonly #server: ServerName;
  readonly #patience = new AbortController();
  readonly #edus: PendingEdus;
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
  /** And so many messages to devices. */
  #singleEdus = 0;

  constructor(parts: QueueParts, server: ServerName) {
    this.#parts = parts;
    this.#server = server;
    this.#edus = new PendingEdus(parts, server);
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
    this.#hasOutage = undefined;
    this.#start();
  }

  /** The destination is ours again after another process may have served it. */
  takeOver(): void {
    this.#state = undefined;
    this.#hasOutage = undefined;
    this.#edus.lookAgain();
  }

  /** There is a receipt in the room at the position of the log. */
  addReceipt(roomNid: number, position: number): void {
    this.#edus.addReceipt(roomNid, position);
    this.#startUnlessPaused();
  }

  /** At the position of the log there is something to tell of the devices of our users. */
  addDeviceLists(position: number): void {
    this.#edus.addDeviceLists(position);
    this.wake();
  }

  /** Messages to devices wait in the outbox. */
  addToDevice(): void {
    this.#edus.addToDevice();
    this.#startUnlessPaused();
  }

  /** Typing notifications are for now: a destination that cannot be reached gets none, nor is it tried again for one. */
  addTyping(roomId: RoomId, userId: UserId, isTyping: boolean): void {
    if (this.#isAway()) return;
    this.#edus.addTyping(roomId, userId, isTyping);
    this.#start();
  }

  /** The presence of the users is to be told, which is for now as well. @returns whether the destination seems to be there */
  addPresence(userIds: readonly UserId[]): boolean {
    if (this.#isAway()) return false;
    this.#edus.addPresence(userIds);
    this.#start();
    return true;
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

  #isAway(): boolean {
    return this.#timer !== undefined || this.#hasOutage === true;
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
        // Without the lock nothing is sent: whoever gets it looks for what there is.
        if (this.#wokenAgain && this.#parts.owns(this.#server)) this.#startUnlessPaused();
      });
  }

  #pause(ms: number): void {
    if (this.#stopped) return;
    this.#edus.dropPassing();
    this.#edus.lookAgain();
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
        if (this.#hasOutage) this.#edus.dropPassing();
      }
      const batch = await reading.run(() => this.#nextBatch());
      if (batch === undefined) return;
      const isSuspect = this.#hasOutage || this.#refusals > 0;
      const outcome = await (isSuspect ? failing : working).run(() => this.#send(batch));
      if (outcome !== 'sent') this.#edus.lookAgain(batch.edusFrom);
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
    if (!isSingle && this.#singleEdus > 0) {
      const [single] = await this.#edus.takeToDevice(end, end, 1);
      const edus = single && { edus: [single.edu], upTo: since, from: since, outgoing: [single.id] };
      if (edus !== undefined) return this.#batch([], edus, { since, isRepeated: false, isLast: false });
      this.#singleEdus = 0;
    }
    const head = repeatTo !== null && repeatTo > since && !isSingle ? Math.min(repeatTo, end) : end;
    const limit = isSingle ? 1 : MAX_PDUS;
    const pdus = await pendingPdus(db, this.#server, { since, upTo: head, limit });
    const reach = pdus.length === limit ? (pdus.at(-1)?.position ?? head) : head;
    // While single items are tried, receipts are left out: they matter less than finding the item.
    const edus = isSingle
      ? { edus: [], upTo: reach, from: since, outgoing: [] }
      : await this.#edus.take(since, reach, end);
    const { upTo } = edus;
    const events = this.#sendable(pdus.filter((pdu) => pdu.position <= upTo));

    if (events.length === 0 && edus.edus.length === 0) {
      const isMoved = upTo > since && (this.#isBehind || isSingle || pdus.length > 0 || repeatTo !== null);
      if (isMoved) await this.#settle(since, upTo, []);
      if (upTo === end) this.#isBehind = false;
      return isMoved && (upTo < end || isSingle) ? await this.#nextBatch() : undefined;
    }
    const isLast = upTo === end && !this.#edus.hasMore;
    return this.#batch(events, edus, { since, isRepeated: repeatTo === upTo, isLast });
  }

  #batch(
    events: readonly PendingPdu[],
    { edus, upTo, from: edusFrom, outgoing }: TakenEdus,
    place: Pick<Batch, 'since' | 'isRepeated' | 'isLast'>,
  ): Batch {
    const eventIds = events.map((pdu) => pdu.eventId);
    const digest = createHash('sha256').update(JSON.stringify(eventIds.length > 0 ? [eventIds, outgoing] : edus));
    // The range makes it the same when it is repeated; the digest makes it another one when the database is.
    const txnId = `${place.since}-${upTo}-${digest.digest('base64url').slice(0, 12)}`;
    const transaction = { txnId, pdus: events.map((pdu) => pdu.json), edus };
    return { ...place, upTo, eventIds, outgoing, edusFrom, transaction };
  }

  /** Everything up to the position has been delivered, or given up. */
  async #settle(since: number, upTo: number, outgoing: readonly number[]): Promise<void> {
    const { db } = this.#parts;
    if (outgoing.length > 0) await deleteOutgoing(db, outgoing);
    if (upTo === since) return;
    await markSent(db, this.#server, upTo);
    this.#state = { sentPosition: upTo, sendingPosition: null };
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

  async #send(batch: Batch): Promise<Outcome> {
    const { client, logger } = this.#parts;
    const knownOutage = this.#hasOutage ?? true;
    // Most answers come at once, and then the end of the transaction need not be stored.
    let stored: Promise<void> | undefined;
    const store = () => {
      if (!batch.isRepeated && batch.upTo > batch.since) stored ??= this.#storeEnd(batch);
    };
    const slow = setTimeout(store, SLOW_MS);
    try {
      const options = { ignoreBackoff: true, knownOutage, signal: this.#patience.signal };
      const { pdus } = await client.sendTransaction(this.#server, batch.transaction, options);
      clearTimeout(slow);
      await stored;
      await this.#settle(batch.since, batch.upTo, batch.outgoing);
      this.#singleEdus = Math.max(0, this.#singleEdus - batch.outgoing.length);
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
        'A server refuses a transaction; what is in it is sent singly',
      );
      this.#singlyUpTo = batch.upTo;
      this.#singleEdus = batch.outgoing.length;
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
    await this.#settle(batch.since, batch.upTo, batch.outgoing);
    this.#singleEdus = Math.max(0, this.#singleEdus - batch.outgoing.length);
    this.#refusals = 0;
    return true;
  }
}
