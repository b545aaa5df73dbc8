/** Random event graphs and states, made from a list of numbers that fast-check draws. */

import { authEventKeys } from '../../server/src/protocol/auth-events.ts';
import { authorize, authorizeByAuthEvents } from '../../server/src/protocol/auth-rules.ts';
import {
  authEventIds,
  type Event,
  type EventId,
  type Pdu,
  type StateKey,
  stateKey,
} from '../../server/src/protocol/event.ts';
import { type EventSource, separateConflicts } from '../../server/src/protocol/state-conflicts.ts';
import { fc } from '../harness/properties.ts';
import { creator, EventGraph, type State, type StateDraft } from './event-graph.ts';

const users = [creator, '@alice:a.example', '@bob:b.example', '@carol:c.example', '@dave:d.example'];

/** Hands out the numbers one by one, and zeros after the last. */
export class Choices {
  readonly #numbers: number[];
  #next = 0;

  constructor(numbers: number[]) {
    this.#numbers = numbers;
  }

  /** One of 0 … n - 1. */
  below(n: number): number {
    return (this.#numbers[this.#next++] ?? 0) % n;
  }

  oneOf<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** True once in n times. */
  once(n: number): boolean {
    return this.below(n) === n - 1;
  }

  shuffled<T>(items: Iterable<T>): T[] {
    const left = [...items];
    const shuffled: T[] = [];
    while (left.length > 0) shuffled.push(...left.splice(this.below(left.length), 1));
    return shuffled;
  }
}

export const numbers = fc.array(fc.nat({ max: 9999 }), { minLength: 50, maxLength: 400, size: 'max' });

/** A state event that somebody might try to send. */
function anyDraft(choose: Choices, n: number): StateDraft {
  const sender = choose.oneOf(users);
  const other = choose.oneOf(users);
  const common = { sender, id: `${choose.below(100)}-${n}`, ts: choose.below(20) };
  const levels = () => choose.oneOf([0, 25, 50, 50, 100, 100]);
  switch (choose.below(8)) {
    case 0:
    case 1: {
      const set = Object.fromEntries(users.slice(1).map((user) => [user, levels()]));
      const content = { users: set, events: { 'm.room.topic': levels() }, ban: levels(), kick: levels() };
      return { ...common, type: 'm.room.power_levels', content };
    }
    case 2: {
      const joinRule = choose.oneOf(['public', 'invite', 'knock', 'restricted']);
      return { ...common, type: 'm.room.join_rules', content: { join_rule: joinRule } };
    }
    case 3:
      return {
        ...common,
        type: 'm.room.member',
        key: sender,
        content: { membership: choose.oneOf(['join', 'leave']) },
      };
    case 4:
    case 5: {
      const membership = choose.oneOf(['leave', 'ban', 'invite']);
      return { ...common, type: 'm.room.member', key: other, content: { membership } };
    }
    default:
      return { ...common, type: 'm.room.topic', key: choose.oneOf(['', '', 'second']), content: { topic: `${n}` } };
  }
}

/**
 * Anything goes: events that cite any earlier events of the right types, rejected ones among them, and states put together
 * from any events.
 */
export function arbitraryConflict(versionId: string, choose: Choices): { graph: EventGraph; stateSets: State[] } {
  const graph = new EventGraph(versionId);
  const byKey = new Map<StateKey, EventId[]>();
  const note = (event: Event) => {
    const key = stateKey(event.pdu.type, event.pdu.state_key ?? '');
    byKey.set(key, [...(byKey.get(key) ?? []), event.eventId]);
  };
  graph.start({ users: { '@alice:a.example': 50, '@bob:b.example': 50 } });
  for (const { event } of graph.events.values()) note(event);

  const count = 5 + choose.below(25);
  for (let n = 0; n < count; n++) {
    const draft = anyDraft(choose, n);
    const keys = authEventKeys({ ...draft, state_key: draft.key, content: draft.content } as Pdu, graph.version);
    const cite = (key: StateKey) => (choose.once(8) ? [] : [choose.oneOf(byKey.get(key) ?? [])]);
    const authEvents = keys.flatMap(cite).filter((id) => id !== undefined);
    note(graph.event(new Map(), { ...draft, authEvents, rejected: choose.once(12) }));
  }
  const stateSets = Array.from({ length: 2 + choose.below(3) }, () => {
    const state = new Map<StateKey, EventId>();
    for (const [key, ids] of byKey) if (!choose.once(6)) state.set(key, choose.oneOf(ids.slice(-3)));
    return state;
  });
  return { graph, stateSets };
}

/** What `resolve` is asked for in a room where every server keeps to the rules: each event cites the state before it. */
export function honestConflicts(
  versionId: string,
  choose: Choices,
  resolve: (graph: EventGraph, stateSets: State[]) => State,
): void {
  const graph = new EventGraph(versionId);
  const heads: State[] = [graph.start({ users: { '@alice:a.example': 100, '@bob:b.example': 50 } })];
  for (const user of users.slice(1)) heads[0] = graph.join(heads[0] as State, user);

  const count = 10 + choose.below(30);
  for (let n = 0; n < count; n++) {
    const parents = choose.shuffled(heads.slice(-4)).slice(0, 1 + choose.below(3));
    const before = parents.length === 1 ? (parents[0] as State) : resolve(graph, parents);
    const event = graph.event(before, anyDraft(choose, n));
    const accepted = isAccepted(graph, event, before);
    graph.events.set(event.eventId, { event, rejected: !accepted });
    heads.push(accepted ? new Map([...before, [keyOf(event), event.eventId]]) : before);
  }
}

function isAccepted(graph: EventGraph, event: Event, before: State): boolean {
  const source: EventSource = (id) => graph.events.get(id) as ReturnType<EventSource>;
  const create = source('$create').event;
  const authEvents = authEventIds(event.pdu).map(source);
  const byAuthEvents = authorizeByAuthEvents(event, graph.version, { authEvents, create, signers: new Set() });
  if (!byAuthEvents.allowed) return false;
  const find = (type: string, key: string) => {
    const id = before.get(stateKey(type, key));
    return id && source(id).event;
  };
  return authorize(event, graph.version, { create, event: find }).allowed;
}

function keyOf({ pdu }: Event): StateKey {
  return stateKey(pdu.type, pdu.state_key ?? '');
}

/** The same states, said differently: sets and entries in another order. */
export function reordered(stateSets: readonly State[], choose: Choices): State[] {
  return choose.shuffled(stateSets).map((state) => new Map(choose.shuffled(state)));
}

export function isConflict(stateSets: readonly State[]): boolean {
  return separateConflicts(stateSets).conflicted.size > 0;
}
