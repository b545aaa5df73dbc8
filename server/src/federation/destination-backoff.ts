import type { Clock } from '../base/clock.ts';
import { LruCache } from '../base/lru-cache.ts';
import type { ServerName } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import { endOutage, type Outage, readOutage, readOutages, writeOutage } from '../storage/destinations.ts';

const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 3_600_000;
/** Part of an outage that is waited for between attempts: after ten minutes about five seconds, after a day eleven minutes. */
const WAIT_SHARE = 1 / 128;
/** Each server that we hear from costs at most one write in this time. */
const HEARD_INTERVAL_MS = 1_000;

/** Which servers cannot be reached at present: one view for all callers and all processes. */
export interface DestinationBackoff {
  /** The present outage of the server, with the milliseconds until it may be tried; undefined when there is none. */
  outage(server: ServerName): Promise<{ readonly waitMs: number } | undefined>;
  /** All outages that there are at present, with the milliseconds until each server may be tried. */
  outages(): Promise<ReadonlyMap<ServerName, { readonly waitMs: number }>>;
  failed(server: ServerName): Promise<void>;
  succeeded(server: ServerName): Promise<void>;
  /** A server has proven to be there by talking to us: an outage of it is over, and it may be asked at once for what it talks of. */
  heardFrom(server: ServerName): Promise<void>;
}

/** How long to wait after a failure, `outageMs` into the outage, so that the wait is always a small part of it. */
export function retryWaitMs(outageMs: number, random: number): number {
  const wait = Math.min(Math.max(outageMs * WAIT_SHARE, SHORTEST_WAIT_MS), LONGEST_WAIT_MS);
  return Math.round(wait * (0.8 + 0.4 * random));
}

export function createDestinationBackoff(options: {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onError: (error: unknown) => void;
}): DestinationBackoff {
  const { db, clock, random, onError } = options;
  const heard = new LruCache<ServerName, { readonly at: number; readonly noted: Promise<void> }>(10_000);
  // A wall clock that was set back must not make the wait longer than it was after the failure.
  const waitOf = ({ failingSince, retryAt }: Outage) => ({
    waitMs: Math.min(Math.max(retryAt - clock.now(), 0), retryWaitMs(retryAt - failingSince, 1)),
  });

  return {
    async outage(server) {
      const outage = await readOutage(db, server);
      return outage === undefined ? undefined : waitOf(outage);
    },
    async outages() {
      return new Map((await readOutages(db)).map((outage) => [outage.server, waitOf(outage)]));
    },
    async failed(server) {
      const now = clock.now();
      const outage = await readOutage(db, server);
      const failingSince = outage?.failingSince ?? now;
      const wait = retryWaitMs(now - failingSince, random());
      await writeOutage(db, server, { failingSince, retryAt: now + wait });
    },
    succeeded: (server) => endOutage(db, server),
    async heardFrom(server) {
      let last = heard.get(server);
      if (last === undefined || clock.monotonic() - last.at >= HEARD_INTERVAL_MS) {
        last = { at: clock.monotonic(), noted: endOutage(db, server).catch(onError) };
        heard.set(server, last);
      }
      // What comes while this is being written comes from a server that is there, too.
      await last.noted;
    },
  };
}
