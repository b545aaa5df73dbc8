import { setTimeout as delay } from 'node:timers/promises';
import { Limiter } from '../base/limiter.ts';
import { repeat } from '../base/repeat.ts';
import type { DestinationBackoff } from '../federation/destination-backoff.ts';
import type { ServerName } from '../protocol/event.ts';
import { dueWaiting, postponeWaiting, readyByKeys, type WaitingPlace } from '../storage/waiting-pdus.ts';
import { type Receiving, receiveWaitingPdus } from './receive.ts';
import type { RoomParts } from './room-parts.ts';

/** How often it is seen for which events it is time. */
const LOOK_MS = 2_000;
/** Servers whose events are looked at again side by side: whoever keeps us waiting for an answer does not keep the others. */
const AT_A_TIME = 16;
/** Time in which what is missing may be fetched. */
const FETCH_MS = 40_000;
/** How long looks that are under way may hold up the end of the process. They are repeated. */
const STOP_MS = 1_000;

export interface WaitingWatch {
  stop(): Promise<void>;
}

/**
 * Sees to events that wait, also where nothing else happens in their room: they are looked at again at the growing intervals
 * and as often as `takeWaitingPdus` says, as long as their server may be asked, and those that wait for the key that they were
 * signed with as soon as a key of that server becomes known in whatever way. What waits is in the database, so this goes on
 * after a restart, and processes share it.
 */
export function watchWaiting(parts: RoomParts, receiving: Receiving, backoff: DestinationBackoff): WaitingWatch {
  const { db, clock, keyRing } = parts;
  const limiter = new Limiter(AT_A_TIME);
  const end = new AbortController();
  const onError = (error: unknown) => {
    // Whatever is broken off by the end of the process is no error.
    if (!end.signal.aborted) parts.onError(error);
  };
  const learned = new Set<ServerName>();
  const underWay = new Set<Promise<void>>();
  let isAsking = false;

  async function lookIn(places: readonly WaitingPlace[]): Promise<void> {
    const look = async ({ roomNid, server }: WaitingPlace) => {
      if (end.signal.aborted) return;
      const signal = AbortSignal.any([end.signal, AbortSignal.timeout(FETCH_MS)]);
      await receiveWaitingPdus(parts, receiving, roomNid, server, signal);
    };
    await Promise.all(places.map((place) => limiter.run(() => look(place)).catch(onError)));
  }

  async function lookAtDue(): Promise<void> {
    const now = clock.now();
    const places = await dueWaiting(db, now);
    if (places.length === 0) return;
    const outages = await backoff.outages();
    const waits = new Map<ServerName, number>();
    for (const { server } of places) {
      const waitMs = outages.get(server)?.waitMs ?? 0;
      if (waitMs > 0) waits.set(server, waitMs);
    }
    await postponeWaiting(db, waits, now);
    await lookIn(places);
  }

  /** Servers that are learned of while the database is asked are asked about together. */
  function askForLearned(): void {
    if (isAsking || learned.size === 0 || end.signal.aborted) return;
    isAsking = true;
    const servers = [...learned];
    learned.clear();
    const look: Promise<void> = readyByKeys(db, servers)
      .finally(() => {
        isAsking = false;
        askForLearned();
      })
      .then(lookIn)
      .catch(onError)
      .finally(() => underWay.delete(look));
    underWay.add(look);
  }

  const stopListening = keyRing.onLearned((server) => {
    learned.add(server);
    askForLearned();
  });
  const repeated = repeat(lookAtDue, LOOK_MS, onError);

  return {
    async stop() {
      stopListening();
      end.abort();
      await Promise.race([Promise.all([repeated.stop(), ...underWay]), delay(STOP_MS, undefined, { ref: false })]);
    },
  };
}
