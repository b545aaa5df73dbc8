import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { KnownEvent } from '../../server/src/protocol/authorization.ts';
import type { EventId } from '../../server/src/protocol/event.ts';
import { eventsToLoad, resolveState } from '../../server/src/protocol/state-resolution.ts';
import { fc } from '../harness/properties.ts';
import { at, creator, EventGraph, type State } from './event-graph.ts';
import { arbitraryConflict, Choices, numbers, reordered } from './random-graphs.ts';

const alice = '@alice:a.example';
const bob = '@bob:b.example';
const resolve = ({ version, lookup }: EventGraph, ...stateSets: State[]) =>
  resolveState({ version, stateSets, lookup });

/** A room in which Alice has level 100 and Bob 50. */
function room(): { graph: EventGraph; start: State } {
  const graph = new EventGraph('1');
  let start = graph.start({ users: { [alice]: 100, [bob]: 50 } });
  for (const user of [alice, bob]) start = graph.join(start, user);
  return { graph, start };
}

const topic = (graph: EventGraph, state: State, sender: string, id?: string) =>
  graph.add(state, { type: 'm.room.topic', sender, ...(id && { id }) });

describe('state resolution of version 1', () => {
  it('takes over what only one side has, without asking the rules', () => {
    const { graph, start } = room();
    const left = topic(graph, start, '@stranger:c.example');
    const right = graph.join(start, '@dave:d.example');
    expect(resolve(graph, left, right)).toEqual(new Map([...left, ...right]));
  });

  it('prefers the deeper of two events that are allowed', () => {
    const { graph, start } = room();
    const [first, second] = [topic(graph, start, bob), topic(graph, start, alice)];
    expect(resolve(graph, second, first)).toEqual(second);
  });

  it('prefers the smaller SHA-1 hash of the id at the same depth', () => {
    const { graph, start } = room();
    const ids = ['one', 'two', 'three', 'four'];
    const sides = ids.map((id) => topic(graph, start, alice, id));
    for (const id of ids) {
      const { event, rejected } = graph.lookup(`$${id}`) as KnownEvent;
      graph.events.set(`$${id}`, { event: { ...event, pdu: { ...event.pdu, depth: 7 } }, rejected });
    }
    const sha1 = (id: string) => createHash('sha1').update(`$${id}`).digest('hex');
    const [smallest] = ids.toSorted((x, y) => (sha1(x) < sha1(y) ? -1 : 1));
    expect(at(resolve(graph, ...sides), 'm.room.topic')).toBe(`$${smallest}`);
  });

  it('passes over an event that is not allowed, and keeps the least deep one if none is', () => {
    const { graph, start } = room();
    const allowed = topic(graph, start, bob);
    const [one, other] = [topic(graph, start, '@stranger:c.example'), topic(graph, start, '@stranger:c.example')];
    expect(resolve(graph, one, allowed)).toEqual(allowed);
    expect(resolve(graph, other, one)).toEqual(one);
  });

  it('follows power levels as long as each is allowed by the one before', () => {
    const { graph, start } = room();
    const levels = (sender: string, users: Record<string, number>) =>
      graph.add(start, { type: 'm.room.power_levels', sender, content: { users, state_default: 50 } });
    const first = levels(alice, { [alice]: 100, [bob]: 100 });
    const second = levels(bob, { [alice]: 100, [bob]: 100, [creator]: 100 });
    const third = levels('@stranger:c.example', {});
    const fourth = levels(alice, { [alice]: 100 });
    expect(at(resolve(graph, fourth, third, first, second), 'm.room.power_levels')).toBe(
      at(second, 'm.room.power_levels'),
    );
  });

  it('judges members by the power levels that were resolved before them', () => {
    const { graph, start } = room();
    const joined = graph.join(start, '@dave:d.example');
    const kicked = graph.member(joined, '@dave:d.example', 'leave', bob);
    expect(resolve(graph, joined, kicked)).toEqual(kicked);
    const demoted = graph.add(joined, {
      type: 'm.room.power_levels',
      sender: alice,
      content: { users: { [alice]: 100 } },
    });
    expect(resolve(graph, demoted, kicked)).toEqual(demoted);
  });

  it('judges other state by the members that were resolved before it', () => {
    const { graph, start } = room();
    const banned = graph.member(start, bob, 'ban', alice);
    const [byAlice, byBob] = [topic(graph, banned, alice), topic(graph, start, bob)];
    expect(resolve(graph, byBob, byAlice)).toEqual(byAlice);
  });

  it('does not depend on order, and reads only what it asks to be loaded', () => {
    fc.assert(
      fc.property(numbers, (drawn) => {
        const choose = new Choices(drawn);
        const { graph, stateSets } = arbitraryConflict('1', choose);
        const expected = [...resolve(graph, ...stateSets)].sort();
        expect([...resolve(graph, ...reordered(stateSets, choose))].sort()).toEqual(expected);

        const loaded = new Map<EventId, KnownEvent>();
        const resolution = { version: graph.version, stateSets, lookup: (id: EventId) => loaded.get(id) };
        for (let ids = eventsToLoad(resolution); ids.length > 0; ids = eventsToLoad(resolution)) {
          for (const id of ids) loaded.set(id, graph.events.get(id) as KnownEvent);
        }
        expect([...resolveState(resolution)].sort()).toEqual(expected);
      }),
      { numRuns: 500, endOnFailure: true },
    );
  });
});
