import { isIPv6 } from 'node:net';
import type { RateLimitClass } from './route.ts';

export interface RateLimits {
  /** Takes one token out of the bucket `key` of a class; throws 429 `M_LIMIT_EXCEEDED` when it is empty. */
  take(limit: RateLimitClass, key: string): Promise<void>;
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
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`;
}

/** Rate limits that are switched off. */
export const noRateLimits: RateLimits = { take: async () => {} };
