/**
 * State resolution as the specification words them, definition by definition, without regard to speed.
 * Only the auth rules are shared with the implementation.
 */

import { createHash } from 'node:crypto';
import { authorize } from '../../server/src/protocol/auth-rules.ts';
import type { KnownEvent } from '../../server/src/protocol/authorization.ts';
import { authEventIds, type Event, type EventId, type StateKey } from '../../server/src/protocol/event.ts';
import { exactInteger } from '../../server/src/protocol/json.ts';
import { type PowerLevel, powerLevelsOf, userPowerLevel } from '../../server/src/protocol/power-levels.ts';
import type { RoomVersion } from '../../server/src/protocol/room-versions.ts';

type Ids = Set<EventId>;
type State = Map<StateKey, EventId>;

export class Oracle {
  readonly version: RoomVersion;
  readonly events: ReadonlyMap<EventId, KnownEvent>;

  constructor(version: RoomVersion, events: ReadonlyMap<EventId, KnownEvent>) {
    this.version = version;
    this.events = events;
  }

  resolve(stateSets: readonly ReadonlyMap<StateKey, EventId>[]): State {
    if (this.version.stateResolution === 'v1') return this.resolveV1(stateSets);
    const isVersion21 = this.version.stateResolution === 'v2.1';
    const { unconflicted, conflicted } = this.divide(stateSets);
    const full = union(conflicted, this.authDifference(stateSets));
    if (isVersion21) for (const id of this.conflictedStateSubgraph(conflicted)) full.add(id);

    // 1.
    const x: Ids = new Set();
    for (const id of full) {
      if (!this.isPowerEvent(id)) continue;
      x.add(id);
      for (const other of this.authChain(id)) if (full.has(other)) x.add(other);
    }
    // 2.
    const initial: State = isVersion21 ? new Map() : new Map(unconflicted);
    const partial = this.iterativeAuthChecks(initial, this.reverseTopologicalPowerOrdering(x));
    // 3.
    const remaining = [...full].filter((id) => !x.has(id));
    const list = this.mainlineOrdering(remaining, partial.get('m.room.power_levels\u0000'));
    // 4.
    const result = this.iterativeAuthChecks(partial, list);
    // 5.
    for (const [key, id] of unconflicted) result.set(key, id);
    return result;
  }

  /** Version 1 of the algorithm. A pass changes the state that the next one goes by: members do not judge each other. */
  resolveV1(stateSets: readonly ReadonlyMap<StateKey, EventId>[]): State {
    const r: State = new Map();
    const conflicting = new Map<StateKey, EventId[]>();
    for (const key of new Set(stateSets.flatMap((stateSet) => [...stateSet.keys()]))) {
      const ids = [...new Set(stateSets.flatMap((stateSet) => stateSet.get(key) ?? []))];
      if (ids.length === 1) r.set(key, ids[0] as EventId);
      else
        conflicting.set(
          key,
          ids.sort((x, y) => this.compareByDepth(x, y)),
        );
    }
    for (const type of ['m.room.power_levels', 'm.room.join_rules', 'm.room.member']) {
      const before = new Map(r);
      for (const [key, [first, ...others]] of conflicting) {
        if (!key.startsWith(`${type}\u0000`)) continue;
        const state = new Map(before).set(key, first as EventId);
        for (const id of others) {
          if (!this.isAllowed(id, state)) break;
          state.set(key, id);
        }
        r.set(key, state.get(key) as EventId);
        conflicting.delete(key);
      }
    }
    const before = new Map(r);
    for (const [key, ids] of conflicting)
      r.set(key, ids.toReversed().find((id) => this.isAllowed(id, before)) ?? (ids[0] as EventId));
    return r;
  }

  /** Ascending depth, then descending SHA-1 of the event id. */
  compareByDepth(x: EventId, y: EventId): number {
    const depth = (id: EventId) => Number(this.event(id).pdu.depth);
    const sha1 = (id: EventId) => createHash('sha1').update(id).digest('hex');
    return depth(x) - depth(y) || (sha1(x) > sha1(y) ? -1 : 1);
  }

  isAllowed(id: EventId, state: State): boolean {
    const find = (type: string, key: string) => {
      const found = state.get(`${type}\u0000${key}`);
      return found && this.event(found);
    };
    return authorize(this.event(id), this.version, { create: find('m.room.create', ''), event: find }).allowed;
  }

  divide(stateSets: readonly ReadonlyMap<StateKey, EventId>[]): { unconflicted: State; conflicted: Ids } {
    const unconflicted: State = new Map();
    const conflicted: Ids = new Set();
    for (const stateSet of stateSets) {
      for (const [key, value] of stateSet) {
        if (stateSets.every((other) => other.get(key) === value)) unconflicted.set(key, value);
        else conflicted.add(value);
      }
    }
    return { unconflicted, conflicted };
  }

  authChain(id: EventId): Ids {
    const chain: Ids = new Set();
    const follow = (from: EventId) => {
      for (const authEvent of authEventIds(this.event(from).pdu)) {
        if (chain.has(authEvent)) continue;
        chain.add(authEvent);
        follow(authEvent);
      }
    };
    follow(id);
    return chain;
  }

  authDifference(stateSets: readonly ReadonlyMap<StateKey, EventId>[]): Ids {
    const full = stateSets.map((stateSet) => union(...[...stateSet.values()].map((id) => this.authChain(id))));
    return new Set([...union(...full)].filter((id) => !full.every((chain) => chain.has(id))));
  }

  /** Every event on a path between two events of the set: one of them leads to it, and it leads to one of them. */
  conflictedStateSubgraph(conflicted: Ids): Ids {
    const subgraph: Ids = new Set();
    for (const from of conflicted) {
      for (const to of conflicted) {
        if (!this.authChain(from).has(to)) continue;
        subgraph.add(from).add(to);
        for (const between of this.authChain(from)) if (this.authChain(between).has(to)) subgraph.add(between);
      }
    }
    return subgraph;
  }

  isPowerEvent(id: EventId): boolean {
    const { pdu } = this.event(id);
    if (pdu.type === 'm.room.power_levels' || pdu.type === 'm.room.join_rules') return true;
    const { membership } = pdu.content;
    return (
      pdu.type === 'm.room.member' && (membership === 'leave' || membership === 'ban') && pdu.sender !== pdu.state_key
    );
  }

  reverseTopologicalPowerOrdering(ids: Ids): EventId[] {
    const ordered: EventId[] = [];
    while (ordered.length < ids.size) {
      const candidates = [...ids].filter(
        (id) =>
          !ordered.includes(id) &&
          authEventIds(this.event(id).pdu).every((authEvent) => !ids.has(authEvent) || ordered.includes(authEvent)),
      );
      const smallest = candidates.reduce((x, y) => (this.isSmallerByPower(y, x) ? y : x));
      ordered.push(smallest);
    }
    return ordered;
  }

  isSmallerByPower(x: EventId, y: EventId): boolean {
    const [powerX, powerY] = [this.senderPower(x), this.senderPower(y)];
    if (powerX > powerY) return true;
    return powerX === powerY && this.isSmallerByAge(x, y);
  }

  isSmallerByAge(x: EventId, y: EventId): boolean {
    const time = (id: EventId) => exactInteger(this.event(id).pdu.origin_server_ts);
    const [timeX, timeY] = [time(x), time(y)];
    return timeX < timeY || (timeX === timeY && x < y);
  }

  senderPower(id: EventId): PowerLevel {
    const event = this.event(id);
    const powerLevels = this.powerLevelsIn(authEventIds(event.pdu));
    const create = this.create(event);
    return userPowerLevel(
      powerLevelsOf(this.version, create?.pdu, powerLevels && this.event(powerLevels).pdu),
      event.pdu.sender,
    );
  }

  create(event: Event): Event | undefined {
    const id = this.version.createInAuthEvents
      ? authEventIds(event.pdu).find((authEvent) => this.event(authEvent).pdu.type === 'm.room.create')
      : (`$${event.roomId.slice(1)}` as const);
    return id === undefined || this.events.get(id)?.rejected ? undefined : this.event(id);
  }

  powerLevelsIn(authEvents: readonly EventId[]): EventId | undefined {
    return authEvents.find((id) => this.event(id).pdu.type === 'm.room.power_levels');
  }

  mainlineOrdering(ids: EventId[], powerLevels: EventId | undefined): EventId[] {
    const mainline: EventId[] = [];
    for (let p = powerLevels; p !== undefined; p = this.powerLevelsIn(authEventIds(this.event(p).pdu)))
      mainline.push(p);
    const position = (id: EventId) => {
      let e = this.powerLevelsIn(authEventIds(this.event(id).pdu));
      while (e !== undefined && !mainline.includes(e)) e = this.powerLevelsIn(authEventIds(this.event(e).pdu));
      return e === undefined ? Number.POSITIVE_INFINITY : mainline.indexOf(e);
    };
    const isSmaller = (x: EventId, y: EventId) =>
      position(x) > position(y) || (position(x) === position(y) && this.isSmallerByAge(x, y));
    return ids.toSorted((x, y) => (isSmaller(x, y) ? -1 : 1));
  }

  iterativeAuthChecks(initial: State, ids: EventId[]): State {
    const state = new Map(initial);
    for (const id of ids) {
      const event = this.event(id);
      const find = (type: string, key: string): Event | undefined => {
        const inState = state.get(`${type}\u0000${key}`);
        if (inState !== undefined) return this.event(inState);
        const cited = authEventIds(event.pdu).find((authEvent) => {
          const { pdu } = this.event(authEvent);
          return pdu.type === type && pdu.state_key === key && !this.events.get(authEvent)?.rejected;
        });
        return cited === undefined ? undefined : this.event(cited);
      };
      const create = this.version.createInAuthEvents ? find('m.room.create', '') : this.create(event);
      if (!authorize(event, this.version, { create, event: find }).allowed) continue;
      state.set(`${event.pdu.type}\u0000${event.pdu.state_key ?? ''}`, id);
    }
    return state;
  }

  event(id: EventId): Event {
    const known = this.events.get(id);
    if (known === undefined) throw new Error(`no event ${id}`);
    return known.event;
  }
}

function union<T>(...sets: Set<T>[]): Set<T> {
  return new Set(sets.flatMap((set) => [...set]));
}
