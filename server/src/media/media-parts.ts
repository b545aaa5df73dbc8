import type { Clock } from '../base/clock.ts';
import { limitExceeded } from '../protocol/errors.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import type { Database, Transaction } from '../storage/database.ts';
import { insertContent, lockContent } from '../storage/media.ts';
import { type ByteBudget, setBackBudgets, settleBudget, takeFromBudget } from '../storage/media-budgets.ts';
import type { ContentStore } from './content-store.ts';
import { discard, type Spooled } from './spool.ts';

export interface MediaLimits {
  /** Largest upload, and largest medium fetched from another server, in bytes. */
  readonly maxUploadBytes: number;
  /** How many mxc:// URIs without content a user may have. */
  readonly maxEmptyMedia: number;
  /** How long such a URI may stay empty, in milliseconds. */
  readonly emptyMediaLifetimeMs: number;
  /** Longest wait for content that has not been uploaded yet, in milliseconds. */
  readonly maxWaitMs: number;
  /** How long a sender may send nothing, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** How many bytes one user, and one address, may make us store (A6.2). Undefined: no limit. */
  readonly budgets: { readonly user: ByteBudget; readonly address: ByteBudget } | undefined;
}

export const DEFAULT_LIMITS: MediaLimits = {
  maxUploadBytes: 50 * 1024 * 1024,
  maxEmptyMedia: 20,
  emptyMediaLifetimeMs: 24 * 3600 * 1000,
  maxWaitMs: 60_000,
  idleTimeoutMs: 30_000,
  budgets: {
    user: { bytesPerSecond: 87_000, burstBytes: 500_000_000 },
    // A whole team may sit behind one address.
    address: { bytesPerSecond: 870_000, burstBytes: 5_000_000_000 },
  },
};

/** What every part of the content repository works with. */
export interface MediaParts {
  readonly db: Database;
  readonly store: ContentStore;
  readonly clock: Clock;
  /** Bytes from the operating system's generator, or fixed ones in tests. */
  readonly random: (bytes: number) => Buffer;
  readonly serverName: ServerName;
  readonly limits: MediaLimits;
}

/** Who makes us store bytes: budgets are theirs. */
export interface Sender {
  readonly userId: UserId;
  /** Address, or for IPv6 the network, that the request came from. */
  readonly address: string;
}

/** A new media id: 144 random bits that say nothing about content or uploader (A6.1). */
export function newMediaId(parts: MediaParts): string {
  return parts.random(18).toString('base64url');
}

/** Always in the same order, so that two transfers never wait for each other. */
function budgetsOf(parts: MediaParts, sender: Sender): [string, ByteBudget][] {
  const { budgets } = parts.limits;
  if (budgets === undefined) return [];
  return [
    [`address ${sender.address}`, budgets.address],
    [`user ${sender.userId}`, budgets.user],
  ];
}

/** Corrects the budgets by what a transfer turned out to be, in the transaction that records it. */
export type Settle = (tx: Transaction, actualBytes: number) => Promise<void>;

/**
 * Takes what a transfer announces from its sender's budgets before anything is read, and answers what settles the difference
 * once its true size is known. Throws 429 `M_LIMIT_EXCEEDED` when a budget does not hold enough.
 */
export async function takeBytes(parts: MediaParts, sender: Sender, announcedBytes: number): Promise<Settle> {
  const budgets = budgetsOf(parts, sender);
  if (budgets.length > 0) {
    const now = parts.clock.now();
    const keys = budgets.map(([key]) => key);
    await setBackBudgets(parts.db, keys, now);
    await parts.db.transaction(async (tx) => {
      for (const [key, budget] of budgets) {
        const result = await takeFromBudget(tx, key, budget, announcedBytes, now);
        if (!result.taken) throw limitExceeded(result.retryAfterMs);
      }
    });
  }
  return async (tx, actualBytes) => {
    for (const [key] of budgets) await settleBudget(tx, key, actualBytes - announcedBytes);
  };
}

/**
 * Makes spooled bytes durable and commits `record`, which names them, in one transaction: after this and never before may
 * anybody be told that they are stored. The spool file is gone afterwards in any case.
 */
export async function storeContent<T>(
  parts: Pick<MediaParts, 'db' | 'store'>,
  spooled: Spooled,
  record: (tx: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await parts.db.transaction(async (tx) => {
      await lockContent(tx, spooled.sha256, 'shared');
      await parts.store.publish(tx, spooled);
      await insertContent(tx, spooled);
      return await record(tx);
    });
  } finally {
    await discard(spooled);
  }
}
