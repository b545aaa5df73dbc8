/**
 * State resolution ("Room Versions", "State resolution"). Here are versions 2 and 2.1 of the algorithm, which are one but for
 * what they start from and how much they replay. Pure and synchronous: the caller loads the events first (`eventsToLoad`).
 */

import { authEventKeys } from './auth-events.ts';
import { authorize } from './auth-rules.ts';
import { type AuthState, contentOf, type KnownEvent } from './authorization.ts';
import {
  authEventIds,
  type Event,
  type EventId,
  type Pdu,
  type RoomId,
  type StateKey,
  type StateMap,
  stateKey,
} from './event.ts';
import type { RoomVersion } from './room-versions.ts';
import {
  authChain,
  authDifference,
  type Conflicts,
  conflictedSubgraph,
  type EventSource,
  reachable,
  separateConflicts,
} from './state-conflicts.ts';
import { mainlineOrdering, reverseTopologicalPowerOrdering } from './state-ordering.ts';
import { resolveStateV1, separateConflictsV1 } from './state-resolution-v1.ts';

export interface Resolution {
  readonly version: RoomVersion;
  /** State after each previous event, or whichever states have to become one. */
  readonly stateSets: readonly StateMap<EventId>[];
  /** The event with this id and whether it was rejected; `undefined` if it is not loaded. */
  readonly lookup: (id: EventId) => KnownEvent | undefined;
  /** Auth difference of the state sets, if it is known: otherwise the auth chains of all their events are walked. */
  readonly authDifference?: ReadonlySet<EventId>;
}

/**
 * The state that the state sets resolve to. It does not depend on the order of the sets. An event that is needed and not
 * loaded is an Error.
 */
export function resolveState(resolution: Resolution): StateMap<EventId> {
  const { version, stateSets } = resolution;
  const conflicts = separateConflicts(stateSets);
  if (conflicts.conflicted.size === 0) return conflicts.unconflicted;

  const source = loaded(resolution.lookup);
  if (version.stateResolution === 'v1') return resolveStateV1(version, stateSets, source);

  const full = fullConflictedSet(resolution, conflicts, source);
  const start = version.stateResolution === 'v2.1' ? new Map<StateKey, EventId>() : conflicts.unconflicted;
  const partial = new PartialState(version, start, source);

  // 1. Power events and what they rest on, in reverse topological power ordering; 2. replayed from the start.
  const powerEvents = withAuthEvents(full, source);
  partial.apply(reverseTopologicalPowerOrdering(powerEvents, version, source, (event) => partial.createAs(event)));
  // 3. The rest in mainline ordering by the power levels so far; 4. replayed on top.
  const rest = [...full].filter((id) => !powerEvents.has(id));
  partial.apply(mainlineOrdering(rest, partial.get('m.room.power_levels', ''), source));
  // 5. What all state sets agreed on stays as it was.
  return new Map([...partial.resolved, ...conflicts.unconflicted]);
}

/**
 * Ids of events that `resolveState` would look up and that `lookup` does not know. Load them and ask again until there are
 * none: each answer is one step or more along the auth chains of the conflicted events, or of all events in the state sets if
 * no auth difference is given. Loading those chains whole makes it two or three rounds.
 */
export function eventsToLoad(resolution: Resolution): EventId[] {
  const { version, stateSets, lookup } = resolution;
  const conflicts = separateConflicts(stateSets);
  if (conflicts.conflicted.size === 0) return [];
  if (version.stateResolution === 'v1') return eventsToLoadV1(resolution);

  const roots = new Set([...conflicts.conflicted, ...(resolution.authDifference ?? conflicts.unconflicted.values())]);
  const missing = missingInChains(roots, lookup);
  if (missing.length > 0) return missing;

  const source = loaded(lookup);
  const full = fullConflictedSet(resolution, conflicts, source);
  if (version.stateResolution === 'v2.1') {
    return missingAmong(
      [...full].map((id) => createEventIdOf(source(id).event.roomId)),
      lookup,
    );
  }
  const powerLevels = conflicts.unconflicted.get(stateKey('m.room.power_levels', ''));
  const mainline = powerLevels === undefined ? [] : missingInChains([powerLevels], lookup);
  return missingAmong([...judgesOf(full, conflicts.unconflicted, version, source), ...mainline], lookup);
}

function eventsToLoadV1({ version, stateSets, lookup }: Resolution): EventId[] {
  const { unconflicted, conflicting } = separateConflictsV1(stateSets);
  const ids = [...conflicting.values()].flat();
  const missing = missingAmong(ids, lookup);
  return missing.length > 0 ? missing : missingAmong(judgesOf(ids, unconflicted, version, loaded(lookup)), lookup);
}

/** What of the unconflicted state the auth rules may judge the events by. */
function judgesOf(
  ids: Iterable<EventId>,
  unconflicted: StateMap<EventId>,
  version: RoomVersion,
  source: EventSource,
): EventId[] {
  return [...ids].flatMap((id) =>
    authEventKeys(source(id).event.pdu, version).flatMap((key) => unconflicted.get(key) ?? []),
  );
}

function missingInChains(roots: Iterable<EventId>, lookup: Resolution['lookup']): EventId[] {
  const ids = new Set(roots);
  const chains = reachable(ids, (id) => {
    const known = lookup(id);
    return known === undefined ? [] : authEventIds(known.event.pdu);
  });
  return missingAmong([...ids, ...chains], lookup);
}

function missingAmong(ids: Iterable<EventId>, lookup: Resolution['lookup']): EventId[] {
  return [...new Set(ids)].filter((id) => lookup(id) === undefined);
}

function loaded(lookup: Resolution['lookup']): EventSource {
  return (id) => {
    const known = lookup(id);
    if (known === undefined) throw new Error(`State resolution needs ${id}, which is not loaded.`);
    return known;
  };
}

/** Full conflicted set: conflicted state set, auth difference and, in version 2.1, what lies between conflicted events. */
function fullConflictedSet(resolution: Resolution, conflicts: Conflicts, source: EventSource): Set<EventId> {
  const difference = resolution.authDifference ?? authDifference(resolution.stateSets, conflicts, source);
  const between = resolution.version.stateResolution === 'v2.1' ? conflictedSubgraph(conflicts.conflicted, source) : [];
  return new Set([...conflicts.conflicted, ...difference, ...between]);
}

/** The power events of the full conflicted set, and those of their auth chains that are in the set. */
function withAuthEvents(full: ReadonlySet<EventId>, source: EventSource): Set<EventId> {
  const powerEvents = [...full].filter((id) => isPowerEvent(source(id).event.pdu));
  const chain = authChain(powerEvents, source);
  return new Set([...powerEvents, ...[...full].filter((id) => chain.has(id))]);
}

/** Whether a state event might take away somebody's ability to do something in the room. */
export function isPowerEvent(pdu: Pdu): boolean {
  if (pdu.state_key === undefined) return false;
  if (pdu.type === 'm.room.power_levels' || pdu.type === 'm.room.join_rules') return true;
  if (pdu.type !== 'm.room.member' || pdu.sender === pdu.state_key) return false;
  const membership = contentOf(pdu, 'membership');
  return membership === 'leave' || membership === 'ban';
}

/** State under resolution: what has been replayed, over what the replay started from. */
class PartialState {
  readonly resolved = new Map<StateKey, EventId>();
  readonly #version: RoomVersion;
  readonly #start: StateMap<EventId>;
  readonly #source: EventSource;

  constructor(version: RoomVersion, start: StateMap<EventId>, source: EventSource) {
    this.#version = version;
    this.#start = start;
    this.#source = source;
  }

  get(type: string, key: string): EventId | undefined {
    const at = stateKey(type, key);
    return this.resolved.get(at) ?? this.#start.get(at);
  }

  /** Iterative auth checks: takes over each event, in this order, that the state so far allows. */
  apply(ids: Iterable<EventId>): void {
    for (const id of ids) {
      const { event } = this.#source(id);
      const { type, state_key } = event.pdu;
      if (state_key === undefined) continue;
      if (authorize(event, this.#version, this.#stateFor(event)).allowed)
        this.resolved.set(stateKey(type, state_key), id);
    }
  }

  /** The create event, as far as the event alone tells: by the room id, or else by its auth events. */
  createAs(event: Event): Event | undefined {
    if (this.#version.roomIds !== 'create event hash')
      return this.#authEventsOf(event).get(stateKey('m.room.create', ''));
    const { event: create, rejected } = this.#source(createEventIdOf(event.roomId));
    return rejected ? undefined : create;
  }

  /** What the event is judged by: the state so far, and where that has nothing the event's own auth events. */
  #stateFor(event: Event): AuthState {
    const cited = this.#authEventsOf(event);
    const find = (type: string, key: string) => {
      const id = this.get(type, key);
      return id === undefined ? cited.get(stateKey(type, key)) : this.#source(id).event;
    };
    const create = this.#version.createInAuthEvents ? find('m.room.create', '') : this.createAs(event);
    return { create, event: find };
  }

  /** The event's auth events that were not rejected: rejected ones never count, because nothing checks them again. */
  #authEventsOf(event: Event): Map<StateKey, Event> {
    const cited = new Map<StateKey, Event>();
    for (const id of authEventIds(event.pdu)) {
      const { event: authEvent, rejected } = this.#source(id);
      const { type, state_key } = authEvent.pdu;
      if (!rejected && state_key !== undefined) cited.set(stateKey(type, state_key), authEvent);
    }
    return cited;
  }
}

/** The create event of a room whose id is that event's hash. */
function createEventIdOf(roomId: RoomId): EventId {
  return `$${roomId.slice(1)}`;
}
