import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { LruCache } from '../base/lru-cache.ts';
import { OutboundError } from '../base/outbound-error.ts';
import type { OutboundHeaders, OutboundHttp } from '../base/outbound-http.ts';
import { SingleFlight } from '../base/single-flight.ts';
import type { ServerName } from '../protocol/event.ts';
import { isServerName } from '../protocol/identifiers.ts';
import { isJsonObject } from '../protocol/json.ts';
import { JsonRefusal, parseJson } from '../protocol/json-parser.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DEFAULT_LIFETIME = 24 * HOUR;
const SHORTEST_LIFETIME = 5 * MINUTE;
const LONGEST_LIFETIME = 48 * HOUR;
const MAX_BYTES = 50 * 1024;
const MAX_REDIRECTS = 5;
const DEADLINE_MS = 15_000;

interface Entry {
  /** The delegated name; undefined when the host delegates to nobody. */
  readonly delegate: ServerName | undefined;
  /** Monotonic times in milliseconds. */
  readonly fetchedAt: number;
  readonly expiresAt: number;
  readonly failures: number;
}

export interface WellKnownOptions {
  readonly http: OutboundHttp;
  readonly clock: Clock;
  readonly random: () => number;
  /** Hosts that are remembered. */
  readonly capacity?: number;
}

/** Milliseconds for which an answer may be kept: `Cache-Control`, else `Expires`, else a day; never more than two. */
function lifetime(headers: OutboundHeaders, now: number): number {
  const cacheControl = headers.get('cache-control')?.toLowerCase() ?? '';
  const maxAge = /(?:^|[\s,])max-age\s*=\s*"?(\d{1,10})/.exec(cacheControl)?.[1];
  const expires = Date.parse(headers.get('expires') ?? '');
  let wanted = DEFAULT_LIFETIME;
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,])/.test(cacheControl)) wanted = 0;
  else if (maxAge !== undefined) wanted = Number(maxAge) * 1000;
  else if (!Number.isNaN(expires)) wanted = expires - now;
  return Math.min(Math.max(wanted, SHORTEST_LIFETIME), LONGEST_LIFETIME);
}

function readDelegate(body: Uint8Array): ServerName | undefined {
  try {
    const content = parseJson(body);
    const delegate = isJsonObject(content) ? content['m.server'] : undefined;
    return isServerName(delegate) ? delegate : undefined;
  } catch (error) {
    if (error instanceof JsonRefusal) return undefined;
    throw error;
  }
}

/**
 * Looks up who a host delegates federation to (Server-Server API, "Resolving server names", step 3): answers the server name
 * in `https://<hostname>/.well-known/matrix/server`, or undefined where there is none that is valid. Answers are kept as long as
 * they say, within 5 minutes and 48 hours; failures from a minute up to an hour, longer with each. A delegation that worked
 * outlives failures until it is 48 hours old.
 */
export function createWellKnown(options: WellKnownOptions): (hostname: string) => Promise<ServerName | undefined> {
  const { http, clock, random } = options;
  const entries = new LruCache<string, Entry>(options.capacity ?? 10_000);
  const flights = new SingleFlight<string, Entry>();

  function failed(before: Entry | undefined): Entry {
    const now = clock.monotonic();
    const failures = (before?.failures ?? 0) + 1;
    const keep = before?.delegate !== undefined && now < before.fetchedAt + LONGEST_LIFETIME;
    return {
      delegate: keep ? before.delegate : undefined,
      fetchedAt: keep ? before.fetchedAt : now,
      expiresAt: now + backoffMs(failures, MINUTE, HOUR, random()),
      failures,
    };
  }

  async function fetchEntry(hostname: string, before: Entry | undefined): Promise<Entry> {
    try {
      const answer = await http.request({
        to: `https://${hostname}/.well-known/matrix/server`,
        headers: { accept: 'application/json' },
        maxBytes: MAX_BYTES,
        deadlineMs: DEADLINE_MS,
        maxRedirects: MAX_REDIRECTS,
      });
      const delegate = answer.status === 200 ? readDelegate(answer.body) : undefined;
      if (delegate === undefined) return failed(before);
      const fetchedAt = clock.monotonic();
      return { delegate, fetchedAt, expiresAt: fetchedAt + lifetime(answer.headers, clock.now()), failures: 0 };
    } catch (error) {
      // A host without a well-known file, or without a web server, is the usual case: SRV records and port 8448 come next.
      if (error instanceof OutboundError) return failed(before);
      throw error;
    }
  }

  return async (hostname) => {
    const before = entries.get(hostname);
    if (before !== undefined && clock.monotonic() < before.expiresAt) return before.delegate;
    const entry = await flights.run(hostname, () => fetchEntry(hostname, before));
    entries.set(hostname, entry);
    return entry.delegate;
  };
}
