import { LruCache } from '../base/lru-cache.ts';
import type { Event, RoomId } from '../protocol/event.ts';
import { authReachBelow, eventsInSpans } from '../storage/auth-chains.ts';
import type { Queryable } from '../storage/database.ts';
import { eventsById, eventsByNid, type StoredEvent } from '../storage/events.ts';

/**
 * Events for rules: hashes, edges and content, which never change. What a person is shown must not come from here, because
 * redactions and admissions do change.
 */
export interface EventCache {
  byNid(nids: readonly number[]): Promise<Map<number, StoredEvent>>;
  byId(ids: readonly string[]): Promise<Map<string, StoredEvent>>;
  /** All that the auth events of the given events lead to. */
  authChainsOf(nids: readonly number[]): Promise<Map<number, StoredEvent>>;
  remember(event: StoredEvent): void;
}

/** What an event takes in memory, its own objects and short texts included; each field of its content adds to that. */
const EVENT_BYTES = 2_000;
const FIELD_BYTES = 100;

/** @param capacity in bytes of memory, roughly */
export function openEventCache(db: Queryable, capacity = 48 * 1024 * 1024): EventCache {
  const cache = new LruCache<number, StoredEvent>(capacity);
  const nids = new LruCache<string, number>(25_000);

  function remember(event: StoredEvent): void {
    const size = EVENT_BYTES + Object.keys(event.pdu.content).length * FIELD_BYTES;
    cache.set(event.nid, event, size);
    nids.set(event.eventId, event.nid);
  }

  async function byNid(wanted: readonly number[]): Promise<Map<number, StoredEvent>> {
    const found = new Map<number, StoredEvent>();
    const missing: number[] = [];
    for (const nid of wanted) {
      const event = cache.get(nid);
      if (event === undefined) missing.push(nid);
      else found.set(nid, event);
    }
    for (const event of await eventsByNid(db, missing)) {
      remember(event);
      found.set(event.nid, event);
    }
    return found;
  }

  return {
    byNid,
    remember,
    async byId(wanted) {
      const found = new Map<string, StoredEvent>();
      const missing: string[] = [];
      for (const id of wanted) {
        const nid = nids.get(id);
        const event = nid === undefined ? undefined : cache.get(nid);
        if (event === undefined) missing.push(id);
        else found.set(id, event);
      }
      for (const event of await eventsById(db, missing)) {
        // Rejected events and outliers may be admitted later under another nid, so they are not remembered by id.
        if (event.admission === 'accepted') remember(event);
        found.set(event.eventId, event);
      }
      return found;
    },
    async authChainsOf(start) {
      const reach = await authReachBelow(db, start);
      const spans = [...reach].map(([chain, upTo]) => ({ chain, after: 0, upTo }));
      return await byNid((await eventsInSpans(db, spans)).map(({ nid }) => nid));
    },
  };
}

/** The event as the rules see it. */
export function asRuleEvent(stored: StoredEvent, roomId: RoomId): Event {
  return { eventId: stored.eventId, roomId, pdu: stored.pdu };
}
