import type { EventId } from '../protocol/event.ts';
import { eventsById } from '../storage/events.ts';
import { type Snapshot, snapshotDifference } from '../storage/state-snapshots.ts';
import { MOST_TOLD_STATES, statesToldInPlaceOf, toldInPlaceBehind } from '../storage/told-states.ts';
import type { NewEvent } from './new-event.ts';
import type { OpenRoom } from './open-room.ts';
import { resolveSnapshots } from './resolve-state.ts';
import type { RoomParts } from './room-parts.ts';
import { type Held, statesAfter } from './surroundings.ts';

/*
 * An event that was accepted by a told state keeps the states before and after it when what the told state stood in for arrives.
 * Of an honest server nothing is lost by that: it told the state after the missing events. What a lying one left out comes back
 * with the arrival, which stays an end of the graph (`contradictsTold`). What it told instead of something newer stays as far as
 * state resolution prefers it, as in a fork: an outdated value that claims a later time, until that value is changed the next
 * time. The alternative would be to judge all that came after once more, and to take back what clients have been shown.
 */

/** What states that other servers told stand in for, at some events or not far before them. */
export interface ToldBehind {
  readonly missing: readonly EventId[];
  /** States after those of them that have arrived since. */
  readonly arrived: readonly Snapshot[];
  /** Those that have not. */
  readonly stillMissing: readonly EventId[];
}

/**
 * Looks for states that were told before some events: what they say may be wrong, and what they stood in for may be here by now.
 */
export async function toldBehind(parts: RoomParts, open: OpenRoom, prevs: readonly Held[]): Promise<ToldBehind> {
  const missing = new Set<EventId>();
  const stored: number[] = [];
  const seen = new Set<number>();
  const waiting = prevs.map((prev) => prev.nid);
  for (let nid = waiting.pop(); nid !== undefined; nid = waiting.pop()) {
    if (seen.has(nid)) continue;
    seen.add(nid);
    const added = open.addedByNid(nid);
    for (const id of added?.toldInPlaceOf ?? []) missing.add(id);
    if (added === undefined) stored.push(nid);
    else waiting.push(...added.prevEvents);
  }
  for (const id of await toldInPlaceBehind(parts.db, open.room.nid, stored)) missing.add(id);
  const here = new Map<EventId, Pick<Held, 'stateAfter'>>();
  for (const { eventId, roomNid, stateAfter } of await eventsById(parts.db, [...missing]))
    if (roomNid === open.room.nid && stateAfter !== null) here.set(eventId, { stateAfter: { id: stateAfter } });
  for (const id of missing) {
    const added = open.addedById(id);
    if (added?.stateAfter !== undefined) here.set(id, added);
  }
  const arrived = await statesAfter(parts, open, [...here.values()]);
  return { missing: [...missing], arrived, stillMissing: [...missing].filter((id) => !here.has(id)) };
}

/**
 * Whether the state after an event has more to say than the states that were told in its place. Then it stays an end of the
 * graph although others come after it: the room's state goes on to be resolved with it, and is not what we were told (A1.12).
 */
export async function contradictsTold(parts: RoomParts, open: OpenRoom, event: NewEvent): Promise<boolean> {
  const { eventId } = event.event;
  const ids = await statesToldInPlaceOf(parts.db, open.room.nid, eventId);
  // An end of the graph too many does no harm, and they are tied together when there are many.
  if (ids.length > MOST_TOLD_STATES) return true;
  const told: (Snapshot | undefined)[] = await Promise.all(ids.map((id) => parts.snapshots.load(id)));
  for (const added of open.allAdded())
    if (added.admission === 'accepted' && added.toldInPlaceOf?.includes(eventId)) told.push(added.stateBefore);
  for (const state of told) {
    const both = await resolveSnapshots(parts, open, [state, event.stateAfter], event);
    if (snapshotDifference(state, both).size > 0) return true;
  }
  return false;
}
