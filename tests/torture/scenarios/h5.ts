import { roomVersions } from '../../../server/src/protocol/room-versions.ts';
import { fc } from '../../harness/properties.ts';
import { numbers } from '../../protocol/random-graphs.ts';
import { checkArbitraryStates, checkMergesOfRoom } from '../../protocol/resolution-checks.ts';
import type { Findings, Scenario, ScenarioOptions } from '../scenario.ts';

/** Random graphs of each of both kinds. Versions of the same algorithm differ in auth rules only. */
const GRAPHS = { gate: { first: 25, other: 5 }, full: { first: 10_000, other: 1_000 } };
/** The versions that stand for the three algorithms. */
const FIRST = ['1', '10', '12'];

async function run({ tier, seed, report }: ScenarioOptions): Promise<Findings> {
  const examples: string[] = [];
  const counts = { graph: { ok: 0, fail: 0, unknown: 0 } };
  let conflicts = 0;
  let fewest = Number.POSITIVE_INFINITY;
  for (const version of roomVersions.keys()) {
    const numRuns = FIRST.includes(version) ? GRAPHS[tier].first : GRAPHS[tier].other;
    const parameters = { numRuns, seed: seed | 0, endOnFailure: true };
    const kinds = {
      'states of any kind': (drawn: number[]) => checkArbitraryStates(version, drawn),
      'merges of a room': (drawn: number[]) => {
        conflicts += checkMergesOfRoom(version, drawn);
      },
    };
    for (const [kind, check] of Object.entries(kinds)) {
      const details = fc.check(fc.property(numbers, check), parameters);
      counts.graph.ok += details.numRuns - (details.failed ? 1 : 0);
      if (details.failed) {
        counts.graph.fail++;
        examples.push(`version ${version}, ${kind}: ${String(details.errorInstance)} of ${details.counterexample}`);
      }
    }
    if (FIRST.includes(version)) fewest = Math.min(fewest, 2 * numRuns);
    report(`version ${version}: ${2 * numRuns} graphs`);
  }
  const { ok, fail } = counts.graph;
  const wanted = GRAPHS[tier].first;
  return {
    counts,
    figures: [
      { name: 'random graphs', value: ok + fail, unit: 'graphs', min: wanted },
      { name: 'graphs for each algorithm, at least', value: fewest, unit: 'graphs', min: wanted },
      { name: 'merges that were conflicts', value: conflicts, unit: 'merges', min: wanted },
      { name: 'resolved otherwise than the specification words it, or by order', value: fail, unit: 'graphs', max: 0 },
    ],
    examples,
  };
}

export const h5: Scenario = {
  id: 'H5',
  title:
    'State resolution of random graphs depends on no order and is what the specification words, in all room versions',
  run,
};
