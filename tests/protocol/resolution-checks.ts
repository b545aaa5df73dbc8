/** What must hold whenever states are resolved: for tests, and for `npm run torture -- H5`. */

import assert from 'node:assert/strict';
import type { KnownEvent } from '../../server/src/protocol/authorization.ts';
import type { EventId } from '../../server/src/protocol/event.ts';
import { authDifference, separateConflicts } from '../../server/src/protocol/state-conflicts.ts';
import { eventsToLoad, resolveState } from '../../server/src/protocol/state-resolution.ts';
import type { EventGraph, State } from './event-graph.ts';
import { arbitraryConflict, Choices, honestConflicts, isConflict, reordered } from './random-graphs.ts';
import { Oracle } from './state-resolution-oracle.ts';

const sorted = (state: State) => [...state].sort();

export const resolve = ({ version, lookup }: EventGraph, stateSets: State[]) =>
  resolveState({ version, stateSets, lookup });

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
      assert.ok(!loaded.has(id), `${id} is asked for twice`);
      loaded.set(id, graph.events.get(id) as KnownEvent);
    }
  }
  return resolveState(resolution);
}

function checkAll(graph: EventGraph, stateSets: State[], choose: Choices): State {
  const resolved = resolve(graph, stateSets);
  const expected = sorted(resolved);
  const same = (state: State, what: string) => assert.deepEqual(sorted(state), expected, what);
  same(new Oracle(graph.version, graph.events).resolve(stateSets), 'as the specification words it');
  same(resolve(graph, reordered(stateSets, choose)), 'in another order');
  same(resolve(graph, [...stateSets, ...stateSets.slice(0, 1)]), 'with a state twice');

  const source = (id: EventId) => graph.events.get(id) as KnownEvent;
  const difference = authDifference(stateSets, separateConflicts(stateSets), source);
  same(resolveWithWhatIsLoaded(graph, stateSets), 'with only what it asks for');
  same(resolveWithWhatIsLoaded(graph, stateSets, difference), 'with the auth difference given');
  return resolved;
}

/** States of any kind, in a graph made of the numbers. Throws where something does not hold. */
export function checkArbitraryStates(version: string, drawn: number[]): void {
  const choose = new Choices(drawn);
  const { graph, stateSets } = arbitraryConflict(version, choose);
  checkAll(graph, stateSets, choose);
}

/** Every merge of a room made of the numbers. @returns how many of them were conflicts */
export function checkMergesOfRoom(version: string, drawn: number[]): number {
  const choose = new Choices(drawn);
  let conflicts = 0;
  honestConflicts(version, choose, (graph, stateSets) => {
    if (isConflict(stateSets)) conflicts++;
    return checkAll(graph, stateSets, choose);
  });
  return conflicts;
}
