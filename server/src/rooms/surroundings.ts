import { authEventIds, type Event, type EventId, prevEventIds, stateKey } from '../protocol/event.ts';
import { type Admission, eventsById, type StoredEvent } from '../storage/events.ts';
import { missingFromHistory } from '../storage/missing-prev-events.ts';
import type { Snapshot } from '../storage/state-snapshots.ts';
import type { VerifiedPdu } from './admit-pdu.ts';
import { asRuleEvent } from './event-cache.ts';
import type { NewEvent } from './new-event.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/** An event that we hold, stored or added in this transaction. */
export interface Held {
  readonly nid: number;
  readonly eventId: EventId;
  readonly admission: Admission;
  /** Why it was rejected or soft-failed. */
  readonly reason: string | null;
  readonly event: Event;
  readonly stateAfter: { readonly id: number } | Snapshot | undefined;
}

function fromStored(open: OpenRoom, stored: StoredEvent): Held {
  return {
    nid: stored.nid,
    eventId: stored.eventId,
    admission: stored.admission,
    reason: stored.reason,
    event: asRuleEvent(stored, open.room.roomId),
    stateAfter: stored.stateAfter === null ? undefined : { id: stored.stateAfter },
  };
}

function fromNew(added: NewEvent): Held {
  return { ...added, eventId: added.event.eventId };
}

/** Whether the event has a place in the graph, so that the state after it is known. */
export function inGraph(held: Held): boolean {
  return held.admission !== 'outlier' && held.stateAfter !== undefined;
}

/** The states after events that have a place in the graph. */
export async function statesAfter(
  parts: RoomParts,
  open: OpenRoom,
  held: readonly Pick<Held, 'stateAfter'>[],
): Promise<Snapshot[]> {
  return await Promise.all(
    held.flatMap(({ stateAfter }) => {
      if (stateAfter === undefined) return [];
      if ('changes' in stateAfter) return [Promise.resolve(stateAfter)];
      const fresh = open.newSnapshots.find((snapshot) => snapshot.id === stateAfter.id);
      return [fresh === undefined ? parts.snapshots.load(stateAfter.id) : Promise.resolve(fresh)];
    }),
  );
}

/**
 * What is known of the events around some that are about to be accepted: read together, in two statements for all of them.
 * Good for as long as the room is locked, because only its holder adds events to it.
 */
export interface Surroundings {
  /** Those of the events that we hold: of this very room, those added in this transaction included. */
  held(ids: readonly EventId[]): Map<EventId, Held>;
  /** Whether history has led to this event, which was not held: something that we built upon came after it. */
  isMissingFromHistory(id: EventId): boolean;
}

/**
 * Looks for the events, their state keys, those that they name, and the room's forward extremities, beside which they may come to stand.
 *
 * @throws Error from `held` for others that have not been added in this transaction: nobody has looked for those
 */
export async function surroundingsOf(
  parts: RoomParts,
  open: OpenRoom,
  pdus: readonly VerifiedPdu[],
): Promise<Surroundings> {
  const own = pdus.map((pdu) => pdu.eventId);
  const named = pdus.flatMap(({ eventId, pdu }) => [eventId, ...prevEventIds(pdu), ...authEventIds(pdu)]);
  const wanted = new Set([...named, ...open.extremities.map((extremity) => extremity.eventId)]);
  // From the rows, not from the cache: admission may have changed.
  const [rows, missing] = await Promise.all([
    eventsById(parts.db, [...wanted]),
    missingFromHistory(parts.db, open.room.nid, own),
    // Each of them asks for its own: now all are in memory.
    parts.stateKeys.intern(
      pdus.flatMap(({ pdu }) => (pdu.state_key === undefined ? [] : stateKey(pdu.type, pdu.state_key))),
    ),
  ]);
  const stored = new Map(
    rows.flatMap((row) => (row.roomNid === open.room.nid ? [[row.eventId, fromStored(open, row)] as const] : [])),
  );
  return {
    held(ids) {
      const held = new Map<EventId, Held>();
      for (const id of ids) {
        const added = open.addedById(id);
        if (added === undefined && !wanted.has(id)) throw new Error(`nobody has looked for ${id}`);
        const found = added === undefined ? stored.get(id) : fromNew(added);
        if (found !== undefined) held.set(id, found);
      }
      return held;
    },
    isMissingFromHistory: (id) => missing.has(id),
  };
}
