import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { authDifference } from '../../server/src/rooms/auth-difference.ts';
import {
  authReach,
  authReachBelow,
  eventsInSpans,
  insertAuthChains,
  placeInAuthChains,
} from '../../server/src/storage/auth-chains.ts';
import { type EventRow, insertEventsAside } from '../../server/src/storage/events.ts';
import { checkInvariant, INVARIANTS } from '../../server/src/storage/verification.ts';
import { fc } from '../harness/properties.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
await db.query(`INSERT INTO rooms (room_id, version) VALUES ('!r:x', '10')`);

interface GraphEvent {
  readonly nid: number;
  readonly stateKeyNid: number;
  readonly authEvents: readonly number[];
}

const stateKeyNids = await db.query<{ nid: number }>(
  `INSERT INTO state_keys (type, state_key) SELECT 't', n::text FROM generate_series(1, 5) AS n RETURNING nid`,
);

let lastNid = 0;

/** State events that name any of those before them, from a list of numbers. */
function graphOf(numbers: readonly number[]): GraphEvent[] {
  const events: GraphEvent[] = [];
  for (const number of numbers) {
    const authEvents = new Set<number>();
    // Mostly what is near, as in rooms.
    for (let rest = number; rest > 0 && events.length > 0; rest = Math.floor(rest / 13)) {
      const back = rest % 13 === 12 ? rest : rest % 5;
      authEvents.add(events[events.length - 1 - (back % events.length)]?.nid ?? 0);
    }
    events.push({ nid: ++lastNid, stateKeyNid: stateKeyNids[number % 5]?.nid ?? 0, authEvents: [...authEvents] });
  }
  return events;
}

function rowOf(event: GraphEvent): EventRow {
  return {
    ...event,
    eventId: `$${event.nid}`,
    roomNid: 1,
    admission: 'accepted',
    type: 't',
    sender: '@u:x',
    depth: 1,
    originServerTs: 1,
    local: false,
    prevEvents: [],
    stateBefore: null,
    stateAfter: null,
    roomState: null,
    relatesTo: null,
    relationType: null,
    deviceId: null,
    transactionId: null,
    reason: null,
    pdu: '{}',
  };
}

/** Stores events with their places, so many in one transaction. */
async function store(events: readonly GraphEvent[], together: number): Promise<void> {
  for (let start = 0; start < events.length; start += together)
    await db.transaction(async (tx) => {
      const batch = events.slice(start, start + together);
      insertAuthChains(tx, await placeInAuthChains(tx, batch));
      insertEventsAside(tx, batch.map(rowOf));
    });
}

/** What events reach, themselves included, by following every auth event. */
function literalChain(graph: ReadonlyMap<number, GraphEvent>, start: readonly number[]): Set<number> {
  const chain = new Set<number>();
  const waiting = [...start];
  for (let nid = waiting.pop(); nid !== undefined; nid = waiting.pop()) {
    if (chain.has(nid)) continue;
    chain.add(nid);
    waiting.push(...(graph.get(nid)?.authEvents ?? []));
  }
  return chain;
}

const sorted = (nids: Iterable<number>) => [...nids].sort((one, other) => one - other);

/** Nids of all that the reach covers. */
async function covered(reach: ReadonlyMap<number, number>): Promise<number[]> {
  const spans = [...reach].map(([chain, upTo]) => ({ chain, after: 0, upTo }));
  return sorted((await eventsInSpans(db, spans)).map(({ nid }) => nid));
}

const graphs = fc.array(fc.nat({ max: 50_000 }), { minLength: 2, maxLength: 50 });

async function brokenRules(): Promise<string[]> {
  const rules = INVARIANTS.filter(({ name }) => name.includes('auth chains'));
  const check = (query: string) => db.transaction((tx) => checkInvariant(tx, query));
  const counts = await Promise.all(rules.map(async ({ query }) => (await check(query)).count));
  return rules.flatMap(({ name }, index) => ((counts[index] ?? 0) > 0 ? [name] : []));
}

test('what events reach by the index is what following every auth event reaches', async () => {
  await fc.assert(
    fc.asyncProperty(
      graphs,
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.nat(), { maxLength: 4 }),
      async (list, n, of) => {
        const events = graphOf(list);
        const graph = new Map(events.map((event) => [event.nid, event]));
        await store(events, n);
        const starts = of.map((at) => events[at % events.length] as GraphEvent);
        const nids = starts.map(({ nid }) => nid);
        expect(await covered(await authReach(db, nids))).toEqual(sorted(literalChain(graph, nids)));
        const below = starts.flatMap(({ authEvents }) => authEvents);
        expect(await covered(await authReachBelow(db, nids))).toEqual(sorted(literalChain(graph, below)));
      },
    ),
    { numRuns: 60 },
  );
  expect(await brokenRules()).toEqual([]);
});

test('the auth difference of states is what some rest upon and others do not, stored or added a moment ago', async () => {
  const states = fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 });
  const shared = fc.array(fc.nat(), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(graphs, states, shared, fc.nat(), fc.nat(), async (list, picked, common, split, again) => {
      const events = graphOf(list);
      const graph = new Map(events.map((event) => [event.nid, event]));
      const stored = split % (events.length + 1);
      await store(events.slice(0, stored), 7);
      // One that is stored is added once more: it was told to us before it had a place in the graph.
      const added = [...events.slice(stored), ...(stored === 0 ? [] : [events[again % stored] as GraphEvent])];
      const nid = (at: number) => events[at % events.length]?.nid ?? 0;
      const own = picked.map((state) => state.map(nid));
      const conflicted = new Set(own.flat());
      const ofAll = common.map(nid).filter((event) => !conflicted.has(event));
      const difference = await authDifference(db, new Map(added.map((event) => [event.nid, event])), own, () => ofAll);
      const chains = own.map((state) => literalChain(graph, [...state, ...ofAll]));
      const literal = events
        .map((event) => event.nid)
        .filter((event) => {
          const having = chains.filter((chain) => chain.has(event)).length;
          return having > 0 && having < chains.length;
        });
      // Conflicted events are resolved in any case.
      const others = (nids: Iterable<number>) => sorted(nids).filter((event) => !conflicted.has(event));
      expect(others(difference)).toEqual(others(literal));
    }),
    { numRuns: 100 },
  );
});

test('a graph that leads through more chains than are followed is walked', async () => {
  // Two follow each event: the first goes on with its chain, the second begins one of its own and is gone on from.
  const events: GraphEvent[] = [];
  const [key] = stateKeyNids.map(({ nid }) => nid);
  for (let n = 0; n < 100; n++) {
    const authEvents = events.length === 0 ? [] : [events.at(-1)?.nid ?? 0];
    for (const _ of [1, 2]) events.push({ nid: ++lastNid, stateKeyNid: key ?? 0, authEvents });
  }
  await store(events, 10);
  const last = events.at(-1)?.nid ?? 0;
  const graph = new Map(events.map((event) => [event.nid, event]));
  const reach = await authReach(db, [last]);
  expect(reach.size).toBeGreaterThan(90);
  expect(await covered(reach)).toEqual(sorted(literalChain(graph, [last])));
});

test('a chain in which each event follows the one before it costs one row of index for each, and is found by its end', async () => {
  const events = graphOf([0]);
  const [first] = events;
  for (let n = 0; n < 500; n++)
    events.push({ nid: ++lastNid, stateKeyNid: first?.stateKeyNid ?? 0, authEvents: [events.at(-1)?.nid ?? 0] });
  await store(events, 50);
  const reach = await authReach(db, [events.at(-1)?.nid ?? 0]);
  expect([...reach]).toEqual([[first?.nid, 501]]);
});

const MIGRATION = new URL('../../server/src/storage/migrations/0020-auth-chains.sql', import.meta.url);

test.each([
  { order: 'after their auth events', isReversed: false },
  { order: 'before their auth events, as what was held aside at first', isReversed: true },
])('events from before there was the index get their places when the database is migrated: $order', async (of) => {
  const made = graphOf(Array.from({ length: 300 }, (_, n) => (n * 7919) % 50_000));
  const [lowest, highest] = [made[0]?.nid ?? 0, made.at(-1)?.nid ?? 0];
  const nidOf = (nid: number) => (of.isReversed ? lowest + highest - nid : nid);
  const events = made.map((event) => ({ ...event, nid: nidOf(event.nid), authEvents: event.authEvents.map(nidOf) }));
  await store(events, 300);
  await db.query('DROP TABLE auth_chains');
  await db.transaction(async (tx) => await tx.script(await readFile(MIGRATION, 'utf8')));
  expect(await brokenRules()).toEqual([]);
  const last = events.at(-1)?.nid ?? 0;
  const graph = new Map(events.map((event) => [event.nid, event]));
  expect(await covered(await authReach(db, [last]))).toEqual(sorted(literalChain(graph, [last])));
});
