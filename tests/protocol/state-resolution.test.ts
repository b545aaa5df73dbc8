import { describe, expect, it } from 'vitest';
import { type EventId, stateKey } from '../../server/src/protocol/event.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { authDifference, conflictedSubgraph, separateConflicts } from '../../server/src/protocol/state-conflicts.ts';
import { eventsToLoad, resolveState } from '../../server/src/protocol/state-resolution.ts';
import { at, creator, EventGraph, type State, without } from './event-graph.ts';

const alice = '@alice:a.example';
const bob = '@bob:b.example';
const charlie = '@charlie:c.example';
const versions = ['10', '11', '12'];

const resolve = ({ version, lookup }: EventGraph, ...stateSets: State[]) =>
  resolveState({ version, stateSets, lookup });
const source = (graph: EventGraph) => (id: EventId) => {
  const known = graph.lookup(id);
  if (known === undefined) throw new Error(`no event ${id}`);
  return known;
};
const topic = (graph: EventGraph, state: State, sender: string, more: { ts?: number; id?: string } = {}) =>
  graph.add(state, { type: 'm.room.topic', sender, content: { topic: sender }, ...more });
const powerLevels = (graph: EventGraph, state: State, sender: string, users: JsonObject) =>
  graph.add(state, { type: 'm.room.power_levels', sender, content: { users } });

/** A room with Alice at level 100 and Bob at 50. */
function room(version: string): { graph: EventGraph; start: State } {
  const graph = new EventGraph(version);
  let start = graph.start({ users: { [alice]: 100, [bob]: 50 } });
  for (const user of [alice, bob, charlie]) start = graph.join(start, user);
  return { graph, start };
}

describe.each(versions)('state resolution of version %s', (version) => {
  it('leaves states alone that do not differ', () => {
    const { graph, start } = room(version);
    expect(resolve(graph)).toEqual(new Map());
    expect(resolve(graph, start)).toBe(start);
    expect(resolve(graph, start, new Map(start), new Map(start))).toEqual(start);
  });

  it('takes over what only one side has', () => {
    const { graph, start } = room(version);
    const [left, right] = [graph.join(start, '@dave:d.example'), topic(graph, start, bob)];
    expect(resolve(graph, left, right)).toEqual(new Map([...left, ...right]));
  });

  it('prefers the later of two events with the same standing, and the larger id of two at the same time', () => {
    const { graph, start } = room(version);
    const first = topic(graph, start, bob, { ts: 1000 });
    const second = topic(graph, start, alice, { ts: 2000 });
    expect(at(resolve(graph, second, first), 'm.room.topic')).toBe(at(second, 'm.room.topic'));
    const larger = topic(graph, start, alice, { ts: 2000, id: 'z' });
    expect(at(resolve(graph, larger, second, first), 'm.room.topic')).toBe('$z');
  });

  it('prefers an event authorised by later power levels, whatever its time', () => {
    const { graph, start } = room(version);
    const early = topic(graph, start, bob, { ts: 9000 });
    const promoted = powerLevels(graph, start, alice, { [alice]: 100, [bob]: 60 });
    const late = topic(graph, promoted, bob, { ts: 1000 });
    const resolved = resolve(graph, early, late);
    expect(at(resolved, 'm.room.topic')).toBe(at(late, 'm.room.topic'));
    expect(at(resolved, 'm.room.power_levels')).toBe(at(promoted, 'm.room.power_levels'));
  });

  it('lets a ban come before what the banned user did meanwhile', () => {
    const { graph, start } = room(version);
    const banned = graph.member(start, bob, 'ban', alice);
    const meanwhile = topic(graph, start, bob);
    const resolved = resolve(graph, meanwhile, banned);
    expect(resolved).toEqual(banned);
  });

  it('lets a demotion come before what the demoted user did meanwhile', () => {
    const { graph, start } = room(version);
    const demoted = powerLevels(graph, start, alice, { [alice]: 100 });
    const meanwhile = graph.member(start, charlie, 'ban', bob);
    expect(resolve(graph, meanwhile, demoted)).toEqual(demoted);
  });

  it('lets of two that demote each other the more powerful one win', () => {
    const { graph, start } = room(version);
    const byBob = graph.add(start, {
      type: 'm.room.power_levels',
      sender: bob,
      ts: 1,
      content: { users: { [alice]: 100, [bob]: 50 }, events: { 'm.room.power_levels': 50 } },
    });
    const byAlice = powerLevels(graph, start, alice, { [alice]: 100 });
    expect(resolve(graph, byBob, byAlice)).toEqual(byAlice);
  });

  it('keeps what all sides agree on, even if the replay would change it', () => {
    const { graph, start } = room(version);
    const left = graph.member(start, charlie, 'leave');
    const resolved = resolve(graph, topic(graph, left, bob), topic(graph, left, alice));
    expect(at(resolved, 'm.room.member', charlie)).toBe(at(left, 'm.room.member', charlie));
  });

  it('A1.10 judges no event by a rejected event that it cites', () => {
    const { graph, start } = room(version);
    const promotion = graph.event(start, {
      type: 'm.room.power_levels',
      sender: charlie,
      content: { users: { [charlie]: 100 } },
      rejected: true,
    });
    const withoutLevels = without(start, 'm.room.power_levels');
    const stolen = graph.add(withoutLevels, {
      type: 'm.room.topic',
      sender: charlie,
      authEvents: [
        ...(version === '12' ? [] : [at(start, 'm.room.create') as EventId]),
        at(start, 'm.room.member', charlie) as EventId,
        promotion.eventId,
      ],
    });
    expect(at(resolve(graph, withoutLevels, stolen), 'm.room.topic')).toBeUndefined();
    graph.events.set(promotion.eventId, { event: promotion, rejected: false });
    expect(at(resolve(graph, withoutLevels, stolen), 'm.room.topic')).toBe(at(stolen, 'm.room.topic'));
  });

  it('fails loudly when an event that it needs is not loaded', () => {
    const { graph, start } = room(version);
    const stateSets = [topic(graph, start, alice), topic(graph, start, bob)];
    graph.events.delete(at(start, 'm.room.member', bob) as EventId);
    expect(() => resolve(graph, ...stateSets)).toThrow('is not loaded');
  });
});

describe('A1.11 state resolution of version 12', () => {
  it('accepts nothing in a room whose create event was rejected', () => {
    const { graph, start } = room('12');
    const stateSets = [topic(graph, start, alice), topic(graph, start, bob)];
    const create = source(graph)('$create');
    graph.events.set('$create', { ...create, rejected: true });
    expect(resolve(graph, ...stateSets)).toEqual(start);
  });

  it('lets creators win over everybody else', () => {
    const { graph, start } = room('12');
    const byCreator = powerLevels(graph, start, creator, {});
    const byAlice = powerLevels(graph, start, alice, { [alice]: 100, [bob]: 100, [charlie]: 100 });
    expect(resolve(graph, byAlice, byCreator)).toEqual(byCreator);
  });
});

/**
 * MSC4297, problem A: Alice opened the room, made it public and left. One side's state, which came from a faulty answer, has
 * the join rule from before. All sides agree that she left.
 */
function staleJoinRule(version: string) {
  const { graph, start } = room(version);
  const setJoinRule = (state: State, joinRule: string) =>
    graph.add(state, { type: 'm.room.join_rules', sender: alice, content: { join_rule: joinRule } });
  const closed = setJoinRule(start, 'invite');
  const open = setJoinRule(closed, 'public');
  const left = graph.member(open, alice, 'leave');
  const stale = new Map([...left, ['m.room.join_rules\u0000', at(closed, 'm.room.join_rules') as EventId] as const]);
  return { graph, open, stateSets: [graph.join(stale, '@dave:d.example'), graph.join(left, '@erin:e.example')] };
}

/**
 * MSC4297, problem B: Alice promoted Bob, who promoted Charlie. One side's state has the power levels from before both, though
 * what is in it cites the newest: the auth difference lacks Bob's promotion.
 */
function stalePowerLevels(version: string) {
  const { graph, start } = room(version);
  const old = powerLevels(graph, start, alice, { [alice]: 100 });
  const bobPromoted = powerLevels(graph, old, alice, { [alice]: 100, [bob]: 100 });
  const charliePromoted = powerLevels(graph, bobPromoted, bob, { [alice]: 100, [bob]: 100, [charlie]: 50 });
  const after = graph.join(topic(graph, charliePromoted, charlie), '@dave:d.example');
  const stale = new Map([...after, ['m.room.power_levels\u0000', at(old, 'm.room.power_levels') as EventId] as const]);
  return { graph, old, charliePromoted, stateSets: [graph.join(stale, '@erin:e.example'), after] };
}

describe('A1.11 state resets', () => {
  it.each(['10', '11'])('scenario A loses the join rule in version %s', (version) => {
    const { graph, stateSets } = staleJoinRule(version);
    expect(at(resolve(graph, ...stateSets), 'm.room.join_rules')).toBeUndefined();
  });

  it('scenario A keeps the newest join rule in version 12', () => {
    const { graph, open, stateSets } = staleJoinRule('12');
    const resolved = resolve(graph, ...stateSets);
    expect(at(resolved, 'm.room.join_rules')).toBe(at(open, 'm.room.join_rules'));
    expect([...resolved.keys()].sort()).toEqual([...new Set(stateSets.flatMap((state) => [...state.keys()]))].sort());
  });

  it.each(['10', '11'])('scenario B falls back to old power levels in version %s', (version) => {
    const { graph, old, stateSets } = stalePowerLevels(version);
    expect(at(resolve(graph, ...stateSets), 'm.room.power_levels')).toBe(at(old, 'm.room.power_levels'));
  });

  it('scenario B keeps the newest power levels in version 12', () => {
    const { graph, charliePromoted, stateSets } = stalePowerLevels('12');
    const resolved = resolve(graph, ...stateSets);
    expect(at(resolved, 'm.room.power_levels')).toBe(at(charliePromoted, 'm.room.power_levels'));
    expect([...resolved.keys()].sort()).toEqual([...new Set(stateSets.flatMap((state) => [...state.keys()]))].sort());
  });

  it('scenario B: the missing promotion is between conflicted events, but not in the auth difference', () => {
    const { graph, stateSets } = stalePowerLevels('12');
    const conflicts = separateConflicts(stateSets);
    const [old, bobPromoted, charliePromoted] = [...graph.events.values()]
      .filter(({ event }) => event.pdu.type === 'm.room.power_levels')
      .slice(1)
      .map(({ event }) => event.eventId) as [EventId, EventId, EventId];
    expect(conflicts.conflicted).toEqual(new Set([old, charliePromoted, ...membersOnOneSide(stateSets)]));
    expect(authDifference(stateSets, conflicts, source(graph)).has(bobPromoted)).toBe(false);
    expect(conflictedSubgraph(conflicts.conflicted, source(graph))).toContain(bobPromoted);
  });
});

function membersOnOneSide([left, right]: State[]): (EventId | undefined)[] {
  return [
    at(left as State, 'm.room.member', '@erin:e.example'),
    at(right as State, 'm.room.member', '@erin:e.example'),
  ].filter((id) => id !== undefined);
}

describe.each(versions)('the work of version %s', (version) => {
  /** Two topics in a room with this many members, resolved with the auth difference given. */
  const lookupsWithMembers = (members: number) => {
    const { graph, start } = room(version);
    const state = new Map(start);
    for (let i = 0; i < members; i++) {
      const user = `@user${i}:a.example`;
      const content = { membership: 'join' };
      state.set(
        `m.room.member\u0000${user}`,
        graph.event(start, { type: 'm.room.member', sender: user, key: user, content }).eventId,
      );
    }
    const stateSets = [topic(graph, state, alice), topic(graph, state, bob)];
    graph.lookups = 0;
    const resolution = { version: graph.version, stateSets, lookup: graph.lookup, authDifference: new Set<EventId>() };
    expect(eventsToLoad(resolution)).toEqual([]);
    expect(resolveState(resolution).size).toBe(state.size + 1);
    return graph.lookups;
  };

  it('does not grow with members who are not in conflict', () => {
    const lookups = lookupsWithMembers(10);
    expect(lookups).toBeLessThan(200);
    expect(lookupsWithMembers(10_000)).toBe(lookups);
  });

  /** A conflict in which one side has this many bans and power levels more than the other, each resting on the one before. */
  const lookupsWithHistory = (length: number) => {
    const { graph, start } = room(version);
    let state = start;
    for (let i = 0; i < length; i++) {
      state = powerLevels(graph, state, alice, { [alice]: 100, [bob]: i % 50 });
      const banned = graph.event(state, {
        type: 'm.room.member',
        sender: alice,
        key: `@spam${i}:c.example`,
        content: { membership: 'ban' },
      });
      if (i % 10 === 0) state = new Map([...state, [stateKey('m.room.member', `@spam${i}:c.example`), banned.eventId]]);
    }
    graph.lookups = 0;
    const resolved = resolve(graph, topic(graph, start, bob), state);
    expect(at(resolved, 'm.room.power_levels')).toBe(at(state, 'm.room.power_levels'));
    return graph.lookups;
  };

  it('grows linearly with the history in conflict', () => {
    expect(lookupsWithHistory(800)).toBeLessThan(8.5 * lookupsWithHistory(100));
  });

  /** A conflict in which one side has this many power levels that lose, and a topic resting on each of them. */
  const lookupsOffTheMainline = (length: number) => {
    const { graph, start } = room(version);
    let losing = start;
    for (let i = 0; i < length; i++) {
      losing = powerLevels(graph, losing, alice, { [alice]: 100, [bob]: i % 50 });
      losing = graph.add(losing, { type: 'm.room.topic', sender: alice, key: `${i}` });
    }
    const winning = powerLevels(graph, start, alice, { [alice]: 100, [bob]: 99 });
    graph.lookups = 0;
    const resolved = resolve(graph, losing, winning);
    expect(at(resolved, 'm.room.power_levels')).toBe(at(winning, 'm.room.power_levels'));
    return graph.lookups;
  };

  it('grows linearly with the power levels that are off the mainline', () => {
    expect(lookupsOffTheMainline(400)).toBeLessThan(8.5 * lookupsOffTheMainline(50));
  });

  it('does not overflow the stack on a long auth chain', () => {
    const { graph, start } = room(version);
    const state = new Map(start);
    for (let i = 0; i < 20_000; i++) {
      const content = { users: { [alice]: 100 }, ban: i % 100 };
      const { eventId } = graph.event(state, { type: 'm.room.power_levels', sender: alice, content });
      state.set('m.room.power_levels\u0000', eventId);
    }
    expect(at(resolve(graph, start, state), 'm.room.power_levels')).toBe(at(state, 'm.room.power_levels'));
  });
});
