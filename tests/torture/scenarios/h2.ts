import { setTimeout as delay } from 'node:timers/promises';
import { judgeDatabases } from '../database-findings.ts';
import { quarrel } from '../partition/quarrel.ts';
import { type Holdings, openSide, type Side } from '../partition/side.ts';
import { seededRandom } from '../random.ts';
import { type Figure, type Findings, percentile, type Scenario, type ScenarioOptions } from '../scenario.ts';

const SIZES = { gate: { seeds: 5, events: 20 }, full: { seeds: 24, events: 200 } };
/** A partition lasts at least so long, that the servers give each other up. */
const CUT_MS = { gate: 0, full: 10_000 };
const FIRST_MS = 5_000;
const SETTLED_MS = 30_000;
/** Looking costs the servers time, too: each look reads the whole room on every side. */
const LOOK_MS = 200;
/** After so long what has not come together will not. */
const LONGEST_MS = 300_000;

interface Outcome {
  readonly wrong: readonly string[];
  readonly acknowledged: number;
  readonly refused: number;
  /** From healing to the first event of the other side on every side. */
  readonly firstMs: number;
  /** From healing to the same events and the same state on all sides. */
  readonly settledMs: number;
}

/** Room versions that rooms can be made of. */
async function versionsOf(side: Side): Promise<string[]> {
  const { capabilities } = await side.admin.ok('GET', '/capabilities');
  return Object.keys(capabilities['m.room_versions'].available).sort((a, b) => Number(a) - Number(b));
}

async function openRoom(sides: readonly Side[], version: string): Promise<string> {
  const [first, ...others] = sides;
  if (first === undefined) throw new Error('a room needs a server');
  const users = Object.fromEntries(others.map((side, n) => [side.admin.userId, 100 - n]));
  const own = version === '12' ? {} : { [first.admin.userId]: 100 };
  const roomId = await first.admin.createRoom({
    room_version: version,
    power_level_content_override: { users: { ...own, ...users }, events: { 'm.room.topic': 0 } },
  });
  for (const side of sides)
    for (const person of [side.admin, side.member])
      if (person !== first.admin) await person.join(roomId, [first.process.serverName]);
  return roomId;
}

/** What differs between two servers, in words: of the state, and of the events that are none of those from before. */
function differences(name: string, one: Holdings, other: Holdings, before: ReadonlySet<string>): string[] {
  const found: string[] = [];
  for (const [what, a, b] of [
    ['events', one.events, other.events],
    ['rejected events', one.rejected, other.rejected],
  ] as const) {
    const only = [...new Set([...a, ...b])].filter((id) => a.has(id) !== b.has(id) && !before.has(id));
    if (only.length > 0) found.push(`${name}: ${only.length} ${what} are not on both, such as ${only[0]}`);
  }
  const keys = new Set([...one.state.keys(), ...other.state.keys()]);
  for (const key of keys) {
    const [here, there] = [one.state.get(key), other.state.get(key)];
    if (here !== there) found.push(`${name}: state ${key} is ${here} and ${there}`);
  }
  return found;
}

/** What a room is compared by: events that all must hold, and those that whoever joined later need not. */
interface Expected {
  readonly acknowledged: readonly string[];
  readonly before: ReadonlySet<string>;
}

async function compare(sides: readonly Side[], roomId: string, expected: Expected): Promise<string[]> {
  const { acknowledged, before } = expected;
  const all = await Promise.all(sides.map((side) => side.holdings(roomId)));
  const [first] = all;
  if (first === undefined) return [];
  const lost = acknowledged.filter((id) => !before.has(id) && all.some((each) => !each.events.has(id)));
  return [
    ...(lost.length > 0 ? [`${lost.length} acknowledged events are missing, such as ${lost[0]}`] : []),
    ...all.slice(1).flatMap((each, n) => differences(`A and ${sides[n + 1]?.name}`, first, each, before)),
  ];
}

/** Waits until a condition holds. @returns milliseconds since `started`, or undefined when it never did */
async function until(started: number, holds: () => Promise<boolean>): Promise<number | undefined> {
  while (performance.now() - started < LONGEST_MS) {
    if (await holds()) return performance.now() - started;
    await delay(LOOK_MS);
  }
  return undefined;
}

async function part(sides: readonly Side[], version: string, tier: 'gate' | 'full', seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  const roomId = await openRoom(sides, version);
  // Everybody has heard of everybody before they are parted: who joined side by side is known to all once somebody speaks.
  for (const side of sides) await side.admin.say(roomId, `${side.name} is here`);
  await until(performance.now(), async () => {
    const all = await Promise.all(sides.map(async (side) => (await side.holdings(roomId)).state));
    return all.every(
      (state) => state.size === all[0]?.size && [...state].every(([key, id]) => all[0]?.get(key) === id),
    );
  });
  const before = new Set(
    (await Promise.all(sides.map((side) => side.holdings(roomId)))).flatMap((all) => [...all.events]),
  );
  for (const side of sides) side.proxy.cut();
  const parted = performance.now();
  const members = sides.map((side) => side.member);
  const { events } = SIZES[tier];
  const quarrels = await Promise.all(sides.map((side) => quarrel(side, members, roomId, events, random.fork())));
  await delay(Math.max(0, CUT_MS[tier] - (performance.now() - parted)));

  for (const side of sides) side.proxy.heal();
  const healed = performance.now();
  const ofOthers = sides.map((_, n) => quarrels.flatMap((each, m) => (m === n ? [] : each.acknowledged)));
  const first = until(healed, async () => {
    const all = await Promise.all(sides.map((side) => side.holdings(roomId)));
    return all.every((each, n) => ofOthers[n]?.some((id) => each.events.has(id)) === true);
  });
  const greetings = await Promise.all(sides.map((side) => side.admin.say(roomId, `${side.name} is back`)));
  const acknowledged = [...quarrels.flatMap((each) => each.acknowledged), ...greetings];
  const expected = { acknowledged, before };
  const settledMs = await until(healed, async () => (await compare(sides, roomId, expected)).length === 0);
  return {
    wrong: settledMs === undefined ? await compare(sides, roomId, expected) : [],
    acknowledged: acknowledged.length,
    refused: quarrels.reduce((sum, each) => sum + each.refused, 0),
    firstMs: (await first) ?? Number.POSITIVE_INFINITY,
    settledMs: settledMs ?? Number.POSITIVE_INFINITY,
  };
}

async function run({ tier, seed, folder, createDatabase, report }: ScenarioOptions): Promise<Findings> {
  const sides: Side[] = [];
  const outcomes: Outcome[] = [];
  const examples: string[] = [];
  try {
    for (const name of ['A', 'B', 'C']) sides.push(await openSide(name, folder, (await createDatabase()).url));
    const [first] = sides;
    if (first === undefined) throw new Error('there must be a server');
    const versions = await versionsOf(first);
    for (let n = 0; n < SIZES[tier].seeds; n++) {
      // The newest versions first, and every other time three servers.
      const version = versions.at(-1 - (n % versions.length)) ?? '12';
      const taking = n % 2 === 0 ? sides.slice(0, 2) : sides;
      const outcome = await part(taking, version, tier, seed + n);
      outcomes.push(outcome);
      const times = `first event after ${Math.round(outcome.firstMs)} ms, the same after ${Math.round(outcome.settledMs)} ms`;
      const what = `seed ${seed + n}, ${taking.length} servers, version ${version}`;
      report(`${what}: ${outcome.acknowledged} events, ${outcome.refused} refused, ${times}`);
      examples.push(...outcome.wrong.slice(0, 5).map((wrong) => `${what}: ${wrong}`));
    }
    const database = await judgeDatabases(sides.map((side) => side.databaseUrl));
    return findings(outcomes, { figures: database.figures, examples: [...examples, ...database.examples] });
  } finally {
    for (const side of sides) await side.close();
  }
}

function findings(outcomes: readonly Outcome[], judged: Pick<Findings, 'figures' | 'examples'>): Findings {
  const time = { unit: 'ms', isTime: true } as const;
  const settled = outcomes.map((outcome) => outcome.settledMs);
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const figures: Figure[] = [
    { name: 'partitions', value: outcomes.length, unit: 'partitions', min: 1 },
    {
      name: 'partitions after which servers differ',
      value: outcomes.filter((outcome) => outcome.wrong.length > 0).length,
      unit: 'partitions',
      max: 0,
    },
    {
      name: 'first event of the other side, at most',
      value: Math.max(...outcomes.map((outcome) => outcome.firstMs)),
      max: FIRST_MS,
      ...time,
    },
    { name: 'the same on all sides, median', value: percentile(settled, 0.5), ...time },
    { name: 'the same on all sides, at most', value: Math.max(...settled), max: SETTLED_MS, ...time },
    ...judged.figures,
  ];
  const counts = { ok: sum((outcome) => outcome.acknowledged), fail: sum((outcome) => outcome.refused), unknown: 0 };
  return { counts: { event: counts }, figures, examples: judged.examples };
}

export const h2: Scenario = {
  id: 'H2',
  title: 'servers that are parted and quarrel meanwhile agree on events and state when they meet again',
  run,
};
