import { isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { type BucketSize, burstMs, intervalMs, TokenBuckets } from '../base/token-buckets.ts';
import { invalidParam, limitExceeded } from '../protocol/errors.ts';
import type { PasswordAttempts } from '../users/accounts.ts';
import type { RateLimitClass } from './route.ts';

/** `login_account` is derived from `login`: 20 times its size, for one account from all addresses together. */
type LimitName = RateLimitClass | 'login_account';

export interface RateLimits {
  /**
   * Takes tokens, one where left out, from the bucket `key` of a class: all of them or none. Sign-ins and sign-ups are taken
   * one by one.
   *
   * @throws MatrixError 429 M_LIMIT_EXCEEDED when there are not as many, 400 M_INVALID_PARAM when there never will be
   */
  take(limit: LimitName, key: string, tokens?: number): Promise<void>;
  /** Puts a token back that turned out to be taken for nothing. */
  giveBack(limit: LimitName, key: string): Promise<void>;
  stop(): Promise<void>;
}

/** The buckets that all processes share; `storage/rate-limits.ts`. */
export interface SharedBuckets {
  takeToken(bucket: string, intervalMs: number, burstMs: number): Promise<number>;
  giveTokenBack(bucket: string, intervalMs: number): Promise<void>;
  addSpent(spent: ReadonlyMap<string, number>, mostAheadMs: number): Promise<Map<string, number>>;
  forgetFullBuckets(): Promise<void>;
}

/** Rare and worth guarding to the last token: every one is taken from the shared bucket at once. */
const STRICT: ReadonlySet<LimitName> = new Set<LimitName>(['login', 'login_account', 'registration']);
const ALL_ADDRESSES_FACTOR = 20;
const SHARE_EVERY_MS = 1_000;
const FORGET_EVERY_MS = 600_000;
const OVERDRAWN_MS = 60_000;
const MOST_BUCKETS_AT_ONCE = 5_000;

/**
 * Token buckets per class and user or address. The frequent classes are decided in memory and exchanged with the other
 * processes through Postgres once a second: so N processes may together grant too much for one second, never for longer, and
 * no request waits for it.
 */
export function createRateLimits(options: {
  sizes: Readonly<Record<RateLimitClass, BucketSize>>;
  shared: SharedBuckets;
  clock: Clock;
  onError: (error: unknown) => void;
}): RateLimits {
  const { shared, clock, onError } = options;
  const { login } = options.sizes;
  const sizes: Readonly<Record<LimitName, BucketSize>> = {
    ...options.sizes,
    login_account: { perSecond: login.perSecond * ALL_ADDRESSES_FACTOR, burst: login.burst * ALL_ADDRESSES_FACTOR },
  };
  // What several processes grant at once goes beyond a bucket.
  const shareable = (Object.keys(sizes) as LimitName[]).filter((limit) => !STRICT.has(limit));
  const mostAheadMs =
    OVERDRAWN_MS + Math.max(...shareable.map((limit) => burstMs(sizes[limit]) + intervalMs(sizes[limit])));
  const buckets = new TokenBuckets();
  let sharing: Promise<void> | undefined;
  let forgottenAt = clock.monotonic();

  async function share(): Promise<void> {
    const unshared = buckets.takeUnshared(MOST_BUCKETS_AT_ONCE);
    try {
      if (unshared.size > 0) {
        const ahead = await shared.addSpent(unshared, mostAheadMs);
        for (const [key, ms] of ahead) buckets.correct(key, ms, clock.monotonic());
      }
      if (clock.monotonic() - forgottenAt > FORGET_EVERY_MS) {
        forgottenAt = clock.monotonic();
        await shared.forgetFullBuckets();
      }
    } catch (error) {
      buckets.putBack(unshared); // Postgres is away: limits are this process's own until it is back.
      onError(error);
    }
    buckets.prune(clock.monotonic());
  }

  const timer = setInterval(() => {
    sharing ??= share().finally(() => {
      sharing = undefined;
    });
  }, SHARE_EVERY_MS);
  timer.unref();

  return {
    async take(limit, key, tokens = 1) {
      const size = sizes[limit];
      if (tokens > size.burst && tokens > 1) throw invalidParam(`At most ${size.burst} at once.`);
      const bucket = `${limit} ${key}`;
      const waitMs = STRICT.has(limit)
        ? await shared.takeToken(bucket, intervalMs(size), burstMs(size))
        : buckets.take(bucket, size, clock.monotonic(), tokens);
      if (waitMs > 0) throw limitExceeded(waitMs);
    },
    async giveBack(limit, key) {
      if (STRICT.has(limit)) await shared.giveTokenBack(`${limit} ${key}`, intervalMs(sizes[limit]));
    },
    async stop() {
      clearInterval(timer);
      await sharing;
    },
  };
}

/** Rate limits that are switched off. */
export const noRateLimits: RateLimits = { take: async () => {}, giveBack: async () => {}, stop: async () => {} };

/** Limits wrong passwords, per account and address and per account: see `users/accounts.ts`. */
export function passwordAttempts(rateLimits: RateLimits): PasswordAttempts {
  return {
    async begin(userId, ip) {
      await rateLimits.take('login', `${userId} ${addressBucket(ip)}`);
      await rateLimits.take('login_account', userId);
    },
    async succeeded(userId, ip) {
      await rateLimits.giveBack('login', `${userId} ${addressBucket(ip)}`);
      await rateLimits.giveBack('login_account', userId);
    },
  };
}

/** Bucket of a client that is not signed in: its IPv4 address, or its IPv6 network of 64 bits. */
export function addressBucket(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(ip)) return ip;
  const [head = '', tail] = (ip.split('%')[0] ?? ip).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = tail === undefined ? left : [...left, ...zeros, ...right];
  const network = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '').toLowerCase());
  return `${network.join(':')}::/64`;
}
