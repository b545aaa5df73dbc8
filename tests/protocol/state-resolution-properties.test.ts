import { describe, expect, it } from 'vitest';
import { roomVersions } from '../../server/src/protocol/room-versions.ts';
import { fc } from '../harness/properties.ts';
import { Choices, honestConflicts, numbers } from './random-graphs.ts';
import { checkArbitraryStates, checkMergesOfRoom, resolve } from './resolution-checks.ts';

// Shrinking a graph of forty events takes minutes; the seed that is printed is enough to see the case again.
const thorough = { numRuns: 500, endOnFailure: true };
// They differ from version 10 in auth rules only.
const few = { numRuns: 50, endOnFailure: true };
const timeoutMs = 60_000;

const versions = [...roomVersions.keys()];

describe.each(versions)('A1.11 state resolution of version %s', (version) => {
  const runs = ['1', '10', '11', '12'].includes(version) ? thorough : few;

  it(
    'equals the specification, in any order and with only what it asks for loaded, on states of any kind',
    () => {
      fc.assert(
        fc.property(numbers, (drawn) => checkArbitraryStates(version, drawn)),
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
          conflicts += checkMergesOfRoom(version, drawn);
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
