/** How fast a bucket fills, and how much it holds. */
export interface BucketSize {
  readonly perSecond: number;
  readonly burst: number;
}

export function intervalMs(size: BucketSize): number {
  return 1000 / size.perSecond;
}

/** How far ahead a bucket may be paid for while there still is a token in it. */
export function burstMs(size: BucketSize): number {
  return (Math.max(1, size.burst) - 1) * intervalMs(size);
}

interface Bucket {
  /** Until when the bucket is paid for, on the caller's clock. */
  paidUntil: number;
  /** Granted here and not told to others yet, in milliseconds. */
  unshared: number;
}

/**
 * Token buckets in memory. Each is one moment, until when it is paid for: taking a token pays for one interval more. What is
 * granted here can be exchanged with other processes from time to time (`takeUnshared`, `correct`).
 */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes tokens. Answers 0, or after how many milliseconds there will be as many; they must fit into the bucket. */
  take(key: string, size: BucketSize, now: number, tokens = 1): number {
    const spent = tokens * intervalMs(size);
    const bucket = this.#buckets.get(key) ?? { paidUntil: now, unshared: 0 };
    const waitMs = Math.max(bucket.paidUntil, now) + spent - intervalMs(size) - now - burstMs(size);
    if (waitMs > 0) return Math.ceil(waitMs);
    bucket.paidUntil = Math.max(bucket.paidUntil, now) + spent;
    bucket.unshared += spent;
    this.#buckets.set(key, bucket);
    return 0;
  }

  /** What has been granted since the last call, in milliseconds by bucket; at most `limit` buckets. */
  takeUnshared(limit: number): Map<string, number> {
    const unshared = new Map<string, number>();
    for (const [key, bucket] of this.#buckets) {
      if (bucket.unshared === 0) continue;
      unshared.set(key, bucket.unshared);
      bucket.unshared = 0;
      if (unshared.size === limit) break;
    }
    return unshared;
  }

  /** Takes over how many milliseconds ahead a bucket is paid for by everybody, as of now. */
  correct(key: string, aheadMs: number, now: number): void {
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) bucket.paidUntil = now + aheadMs + bucket.unshared;
  }

  /** Puts back what could not be shared. */
  putBack(unshared: ReadonlyMap<string, number>): void {
    for (const [key, ms] of unshared) {
      const bucket = this.#buckets.get(key);
      if (bucket !== undefined) bucket.unshared += ms;
    }
  }

  /** Forgets full buckets and answers how many are left. */
  prune(now: number): number {
    for (const [key, bucket] of this.#buckets)
      if (bucket.paidUntil <= now && bucket.unshared === 0) this.#buckets.delete(key);
    return this.#buckets.size;
  }
}
