/** Version 1 of state resolution ("Room Version 1", "State resolution"), which no later room version uses. */

import { createHash } from 'node:crypto';
import { authorize } from './auth-rules.ts';
import type { AuthState } from './authorization.ts';
import { type Event, type EventId, type StateKey, type StateMap, stateKey } from './event.ts';
import { exactInteger } from './json.ts';
import type { RoomVersion } from './room-versions.ts';
import type { EventSource } from './state-conflicts.ts';

export interface ConflictsV1 {
  /** What one state set or more have, and none has otherwise. */
  readonly unconflicted: StateMap<EventId>;
  /** The keys for which state sets have different events, and these. */
  readonly conflicting: ReadonlyMap<StateKey, readonly EventId[]>;
}

/** Unlike in later versions of the algorithm, it is no conflict if a state set lacks a key. */
export function separateConflictsV1(stateSets: readonly StateMap<EventId>[]): ConflictsV1 {
  const unconflicted = new Map<StateKey, EventId>();
  const conflicting = new Map<StateKey, EventId[]>();
  for (const key of new Set(stateSets.flatMap((stateSet) => [...stateSet.keys()]))) {
    const ids = new Set(stateSets.flatMap((stateSet) => stateSet.get(key) ?? []));
    const [id, ...others] = ids;
    if (id !== undefined && others.length === 0) unconflicted.set(key, id);
    else conflicting.set(key, [...ids]);
  }
  return { unconflicted, conflicting };
}

/**
 * The state that the state sets resolve to. It reads the conflicting events, and of the others those that the auth rules judge
 * them by.
 */
export function resolveStateV1(
  version: RoomVersion,
  stateSets: readonly StateMap<EventId>[],
  source: EventSource,
): StateMap<EventId> {
  const { unconflicted, conflicting } = separateConflictsV1(stateSets);
  const resolved = new Map<StateKey, Event>();
  const find = (key: StateKey) => {
    const id = unconflicted.get(key);
    return resolved.get(key) ?? (id && source(id).event);
  };
  const isAllowed = (event: Event, candidate?: Event) => {
    const state: AuthState = {
      create: find(stateKey('m.room.create', '')),
      event: (type, key) =>
        candidate?.pdu.type === type && candidate.pdu.state_key === key ? candidate : find(stateKey(type, key)),
    };
    return authorize(event, version, state).allowed;
  };

  // Power levels first, then join rules, then members, because each is judged by those before; then all the rest.
  for (const type of ['m.room.power_levels', 'm.room.join_rules', 'm.room.member', undefined]) {
    const results: [StateKey, Event][] = [];
    for (const [key, ids] of conflicting) {
      const events = byDepth(ids.map((id) => source(id).event));
      if (resolved.has(key) || (type !== undefined && events[0]?.pdu.type !== type)) continue;
      const result = type === undefined ? newestAllowed(events, isAllowed) : lastInAllowedRun(events, isAllowed);
      if (result) results.push([key, result]);
    }
    // Only now, so that what a pass resolves to does not depend on the order of its keys.
    for (const [key, event] of results) resolved.set(key, event);
  }
  return new Map([...unconflicted, ...[...resolved].map(([key, event]) => [key, event.eventId] as const)]);
}

/** From the first event on, each that the state with its predecessor in it allows, as far as that goes. */
function lastInAllowedRun(events: readonly Event[], isAllowed: (event: Event, candidate?: Event) => boolean) {
  let [candidate] = events;
  for (const event of events.slice(1)) {
    if (!isAllowed(event, candidate)) break;
    candidate = event;
  }
  return candidate;
}

/** The deepest event that the state allows. If none is, the first: other servers do not leave the key without a value. */
function newestAllowed(events: readonly Event[], isAllowed: (event: Event) => boolean) {
  return events.findLast((event) => isAllowed(event)) ?? events[0];
}

/** Ascending by depth, then descending by the SHA-1 hash of the event id. */
function byDepth(events: readonly Event[]): Event[] {
  const hash = (event: Event) => createHash('sha1').update(event.eventId).digest('hex');
  return events
    .map((event) => ({ event, depth: exactInteger(event.pdu.depth), hash: hash(event) }))
    .sort((x, y) => (x.depth === y.depth ? (x.hash > y.hash ? -1 : 1) : x.depth < y.depth ? -1 : 1))
    .map(({ event }) => event);
}
