/**
 * What state resolution resolves: the parts of the state sets that differ ("Definitions" of the state resolution algorithm in
 * the room versions). All walks are loops over sets, and linear in the events they reach.
 */

import type { KnownEvent } from './authorization.ts';
import { authEventIds, type EventId, type StateKey, type StateMap } from './event.ts';

/** An event that must be there: throws when it is not loaded, which is a mistake of the caller. */
export type EventSource = (id: EventId) => KnownEvent;

export interface Conflicts {
  /** Unconflicted state map: what every state set has, and has alike. */
  readonly unconflicted: StateMap<EventId>;
  /** Conflicted state set: all other events in any state set. */
  readonly conflicted: ReadonlySet<EventId>;
}

/** Divides the state sets into what they agree on and what they do not. */
export function separateConflicts(stateSets: readonly StateMap<EventId>[]): Conflicts {
  const [first = new Map<StateKey, EventId>(), ...others] = stateSets;
  if (others.length === 0) return { unconflicted: first, conflicted: new Set() };

  const unconflicted = new Map<StateKey, EventId>();
  const conflicted = new Set<EventId>();
  for (const [key, id] of first) {
    if (others.every((other) => other.get(key) === id)) unconflicted.set(key, id);
    else conflicted.add(id);
  }
  for (const other of others) {
    for (const [key, id] of other) {
      if (!unconflicted.has(key)) conflicted.add(id);
    }
  }
  return { unconflicted, conflicted };
}

/** All that can be reached from `starts` by one step or more, a start itself only if another leads to it. */
export function reachable<T>(starts: Iterable<T>, steps: (from: T) => Iterable<T>): Set<T> {
  const reached = new Set<T>();
  const pending = [...starts];
  for (let from = pending.pop(); from !== undefined; from = pending.pop()) {
    for (const to of steps(from)) {
      if (reached.has(to)) continue;
      reached.add(to);
      pending.push(to);
    }
  }
  return reached;
}

/** Union of the auth chains of the events. */
export function authChain(ids: Iterable<EventId>, source: EventSource): Set<EventId> {
  return reachable(ids, (id) => authEventIds(source(id).event.pdu));
}

/**
 * Auth difference: what is in the full auth chain of a state set, but not of every one. The chains of unconflicted events are
 * in all of them, so they are walked once, and only if there is anything to take away.
 */
export function authDifference(
  stateSets: readonly StateMap<EventId>[],
  { unconflicted, conflicted }: Conflicts,
  source: EventSource,
): Set<EventId> {
  const chainsWith = new Map<EventId, number>();
  for (const stateSet of stateSets) {
    const own = [...stateSet.values()].filter((id) => conflicted.has(id));
    for (const id of authChain(own, source)) chainsWith.set(id, (chainsWith.get(id) ?? 0) + 1);
  }
  const candidates = [...chainsWith].filter(([, chains]) => chains < stateSets.length).map(([id]) => id);
  if (candidates.length === 0) return new Set();
  const common = authChain(unconflicted.values(), source);
  return new Set(candidates.filter((id) => !common.has(id)));
}

/** Conflicted state subgraph: the events on paths of `auth_events` from one conflicted event to another, ends included. */
export function conflictedSubgraph(conflicted: ReadonlySet<EventId>, source: EventSource): Set<EventId> {
  const citedBy = new Map<EventId, EventId[]>();
  const chain = reachable(conflicted, (id) => {
    const authEvents = authEventIds(source(id).event.pdu);
    for (const authEvent of authEvents) {
      const citing = citedBy.get(authEvent);
      if (citing) citing.push(id);
      else citedBy.set(authEvent, [id]);
    }
    return authEvents;
  });
  const ends = [...conflicted].filter((id) => chain.has(id));
  return new Set([...ends, ...reachable(ends, (id) => citedBy.get(id) ?? [])]);
}
