import { LruCache } from '../base/lru-cache.ts';
import { limitExceeded } from '../protocol/errors.ts';
import type { EventId, ServerName } from '../protocol/event.ts';
import { type Receiving, receivePdus } from './receive.ts';
import { type EduReceivers, receiveEdus } from './receive-edus.ts';
import type { RoomParts } from './room-parts.ts';

/** A transaction as it came: what is in it has not been looked at. */
export interface ReceivedTransaction {
  readonly txnId: string;
  readonly pdus: readonly unknown[];
  readonly edus: readonly unknown[];
}

/** Per event of a transaction why it was refused, or undefined. */
export type TransactionResult = ReadonlyMap<EventId, string | undefined>;

export interface TransactionReceiver {
  /**
   * Answers the result of the first time where the server repeats a transaction id.
   *
   * @throws MatrixError M_LIMIT_EXCEEDED when the server has too many under way
   */
  receive(origin: ServerName, transaction: ReceivedTransaction): Promise<TransactionResult>;
}

/** Transactions whose results are remembered. A repeat of an older one changes nothing either: its events are known. */
const REMEMBERED = 2_000;
/** Transactions of one server at a time. Servers send one after the other; more are of no use to an honest one. */
const MOST_OF_ONE_SERVER = 16;
const WAIT_MS = 1_000;
/** Time in which events that a transaction builds on may be fetched. The sender waits for a minute. */
const FETCH_MS = 40_000;

/** Receives transactions of other servers (Server-Server API, "Transactions"). One per process. */
export function openTransactionReceiver(
  parts: RoomParts,
  receiving: Receiving,
  eduReceivers: EduReceivers,
): TransactionReceiver {
  const underWay = new Map<ServerName, number>();
  const results = new LruCache<string, Promise<TransactionResult>>(REMEMBERED);

  async function process(origin: ServerName, { pdus, edus }: ReceivedTransaction): Promise<TransactionResult> {
    const outcomes = await receivePdus(parts, receiving, origin, pdus, AbortSignal.timeout(FETCH_MS));
    await receiveEdus(parts, eduReceivers, origin, edus);
    const result = new Map<EventId, string | undefined>();
    for (const { eventId, error } of outcomes) if (eventId !== undefined) result.set(eventId, error);
    return result;
  }

  return {
    async receive(origin, transaction) {
      const key = `${origin} ${transaction.txnId}`;
      const earlier = results.get(key);
      if (earlier !== undefined) return await earlier;
      const running = underWay.get(origin) ?? 0;
      if (running >= MOST_OF_ONE_SERVER) throw limitExceeded(WAIT_MS);
      underWay.set(origin, running + 1);
      const result = process(origin, transaction);
      results.set(key, result);
      try {
        return await result;
      } catch (error) {
        results.delete(key); // It has to come again.
        throw error;
      } finally {
        const left = (underWay.get(origin) ?? 1) - 1;
        if (left === 0) underWay.delete(origin);
        else underWay.set(origin, left);
      }
    },
  };
}
