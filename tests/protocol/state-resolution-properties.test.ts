import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KnownEvent } from '../../server/src/protocol/authorization.ts';
import type { EventId } from '../../server/src/protocol/event.ts';
import { authDifference, separateConflicts } from '../../server/src/protocol/state-conflicts.ts';
import { eventsToLoad, resolveState } from '../../server/src/protocol/state-resolution.ts';
import type { EventGraph, State } from './event-graph.ts';
import { arbitraryConflict, Choices, honestConflicts, isConflict, numbers, reordered } from './random-graphs.ts';
import { Oracle } from './state-resolution-oracle.ts';

// Shrinking a graph of forty events takes minutes; the seed that is printed is enough to see the case again.
const thorough = { numRuns: 500, endOnFailure: true };
// They differ from version 10 in auth rules only.
const few = { numRuns: 50, endOnFailure: true };
const timeoutMs = 60_000;
const sorted = (state: State) => [...state].sort();
const resolve = ({ version, lookup }: EventGraph, stateSets: State[]) => resolveState({ version, stateSets, lookup });

/** Loads what is asked for until nothing is, and resolves with nothing else. */
function resolveWithWhatIsLoaded(graph: EventGraph, stateSets: State[], difference?: ReadonlySet<EventId>): State {
  const loaded = new Map<EventId, KnownEvent>();
  const resolution = {
    version: graph.version,
    stateSets,
    lookup: (id: EventId) => loaded.get(id),
    ...(difference && { authDifference: difference }),
  };
  for (let ids = eventsToLoad(resolution); ids.length > 0; ids = eventsToLoad(resolution)) {
    for (const id of ids) {
      expect(loaded.has(id)).toBe(false);
      loaded.set(id, graph.events.get(id) as KnownEvent);
    }
  }
  return resolveState(resolution);
}

function checkAll(graph: EventGraph, stateSets: State[], choose: Choices): State {
  const resolved = resolve(graph, stateSets);
  const expected = sorted(resolved);
  expect(sorted(new Oracle(graph.version, graph.events).resolve(stateSets))).toEqual(expected);
  expect(sorted(resolve(graph, reordered(stateSets, choose)))).toEqual(expected);
  expect(sorted(resolve(graph, [...stateSets, ...stateSets.slice(0, 1)]))).toEqual(expected);

  const source = (id: EventId) => graph.events.get(id) as KnownEvent;
  const difference = authDifference(stateSets, separateConflicts(stateSets), source);
  expect(sorted(resolveWithWhatIsLoaded(graph, stateSets))).toEqual(expected);
  expect(sorted(resolveWithWhatIsLoaded(graph, stateSets, difference))).toEqual(expected);
  return resolved;
}

const versions = ['2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'];

describe.each(versions)('A1.11 state resolution of version %s', (version) => {
  const runs = ['10', '11', '12'].includes(version) ? thorough : few;

  it(
    'equals the specification, in any order and with only what it asks for loaded, on states of any kind',
    () => {
      fc.assert(
        fc.property(numbers, (drawn) => {
          const choose = new Choices(drawn);
          const { graph, stateSets } = arbitraryConflict(version, choose);
          checkAll(graph, stateSets, choose);
        }),
        runs,
      );
    },
    timeoutMs,
  );

  it(
    'equals the specification, in any order and with only what it asks for loaded, at every merge of a room',
    () => {
      let conflicts = 0;
      fc.assert(
        fc.property(numbers, (drawn) => {
          const choose = new Choices(drawn);
          honestConflicts(version, choose, (graph, stateSets) => {
            if (isConflict(stateSets)) conflicts++;
            return checkAll(graph, stateSets, choose);
          });
        }),
        runs,
      );
      expect(conflicts).toBeGreaterThan(runs.numRuns);
    },
    timeoutMs,
  );
});

it('random rooms are rooms in which something happens', () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed < 30; seed++) {
    const drawn = Array.from({ length: 400 }, (_, i) => (seed * 7919 * (i + 1) * (i + 3)) % 9973);
    honestConflicts('12', new Choices(drawn), (graph, stateSets) => {
      for (const { event, rejected } of graph.events.values()) kinds.add(`${event.pdu.type} ${rejected}`);
      return resolve(graph, stateSets);
    });
  }
  expect([...kinds]).toEqual(
    expect.arrayContaining([
      'm.room.power_levels false',
      'm.room.power_levels true',
      'm.room.member false',
      'm.room.topic false',
    ]),
  );
});
