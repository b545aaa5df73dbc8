import path from 'node:path';
import type { Event, EventId } from '../../../server/src/protocol/event.ts';
import { cpuMs, residentMiB } from '../../bench/process-stats.ts';
import { PuppetRoom } from '../../harness/puppet-room.ts';
import { openPuppetServer, type PuppetServer } from '../../harness/puppet-server.ts';
import { judgeDatabases } from '../database-findings.ts';
import { expectOk, type MatrixClient, registerClient } from '../matrix-client.ts';
import type { Figure, Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';

const FAKE_CHAIN = { gate: 5_000, full: 100_000 };
const AUTH_CHAIN = { gate: 2_500, full: 50_000 };
/** Events that a lying server says the state is made of. */
const TOLD = 1_000;
const MOST_REQUESTS = 20;

interface Stage {
  readonly puppet: PuppetServer;
  readonly server: ServerProcess;
  readonly client: MatrixClient;
}

/** What it cost the server to take in, or to refuse, one event. */
interface Cost {
  readonly requests: number;
  readonly cpuMs: number;
  readonly grownMiB: number;
}

async function joinedRoom({ puppet, client }: Stage, prepare: (room: PuppetRoom) => void = () => {}) {
  const room = PuppetRoom.create(puppet);
  prepare(room);
  room.serve();
  const via = `via=${encodeURIComponent(puppet.serverName)}`;
  await expectOk(client.call('POST', `/_matrix/client/v3/join/${encodeURIComponent(room.roomId)}?${via}`, {}));
  return room;
}

async function costOf({ puppet, server }: Stage, event: Event): Promise<Cost> {
  const before = {
    requests: puppet.calls.length,
    cpu: await cpuMs(server.pid()),
    memory: await residentMiB(server.pid()),
  };
  const answer = await puppet.call(server.serverName, 'PUT', `/v1/send/${event.eventId.slice(1)}`, {
    pdus: [event.pdu],
  } as never);
  if (answer.status !== 200) throw new Error(`a transaction was answered ${answer.status} ${answer.text}`);
  return {
    requests: puppet.calls.length - before.requests,
    cpuMs: ((await cpuMs(server.pid())) ?? 0) - (before.cpu ?? 0),
    grownMiB: (await residentMiB(server.pid())) - before.memory,
  };
}

/** A message that follows an event, which the room does not go on from. */
function after(room: PuppetRoom, previous: EventId, n = 0): Event {
  const content = { msgtype: 'm.text', body: `${n}` };
  const draft = { type: 'm.room.message', sender: room.puppet.user('creator'), content, prevEvents: [previous] };
  return room.know(room.build(draft).pdu);
}

/** A chain of events that begins nowhere. Two events follow its end. */
async function fakeChain(stage: Stage, length: number): Promise<{ first: Cost; second: Cost }> {
  const room = await joinedRoom(stage);
  let end: EventId = '$nowhere';
  for (let n = 0; n < length; n++) end = after(room, end, n).eventId;
  const [one, other] = [after(room, end, 1), after(room, end, 2)];
  return { first: await costOf(stage, one), second: await costOf(stage, other) };
}

/** What a hostile server may answer about what comes before one event of its own. */
const LIES: readonly [name: string, lie: (room: PuppetRoom) => void][] = [
  ['nothing before it can be had', () => {}],
  [
    'the state before it has many events, none of which can be had',
    ({ puppet }) => {
      const ids = Array.from({ length: TOLD }, (_, n) => `$${'x'.repeat(38)}${String(n).padStart(5, '0')}`);
      puppet.answers.set('state_ids', () => ({ pdu_ids: ids, auth_chain_ids: [] }));
    },
  ],
  [
    'the state before it has many events that nobody has said',
    (room) => {
      const sender = room.puppet.user('creator');
      const told = Array.from({ length: TOLD }, (_, n) =>
        room.know(room.build({ type: 'org.example.told', sender, stateKey: `${n}`, content: {} }).pdu),
      );
      const ids = told.map((event) => event.eventId);
      room.puppet.answers.set('state_ids', () => ({ pdu_ids: ids, auth_chain_ids: [] }));
      room.puppet.answers.set('state', () => ({ pdus: told.map((event) => event.pdu), auth_chain: [] }));
    },
  ],
];

async function costOfLies(stage: Stage): Promise<[name: string, cost: Cost][]> {
  const costs: [string, Cost][] = [];
  for (const [name, lie] of LIES) {
    const room = await joinedRoom(stage);
    for (const call of ['state_ids', 'state', 'event', 'event_auth']) stage.puppet.answers.delete(call);
    stage.puppet.answers.set('get_missing_events', () => ({ events: [] }));
    lie(room);
    costs.push([name, await costOf(stage, after(room, '$nowhere'))]);
  }
  return costs;
}

/** A room in which each change of power levels rests upon the one before, and how long the server takes to tell all of them. */
async function serveAuthChain(stage: Stage, length: number): Promise<{ events: number; ms: number }> {
  const { puppet, server } = stage;
  const room = await joinedRoom(stage, (room) => {
    const sender = puppet.user('creator');
    for (let n = 0; n < length; n++) {
      const users = { [puppet.user('guest')]: n % 100 };
      room.add({ type: 'm.room.power_levels', sender, stateKey: '', content: { users } });
      room.statesBefore.clear();
    }
  });
  const last = room.eventOf('m.room.power_levels')?.eventId ?? '';
  const call = `/v1/event_auth/${encodeURIComponent(room.roomId)}/${encodeURIComponent(last)}`;
  const started = performance.now();
  const answer = await puppet.call(server.serverName, 'GET', call);
  const ms = performance.now() - started;
  if (answer.status !== 200) throw new Error(`event_auth was answered ${answer.status} ${answer.text.slice(0, 200)}`);
  return { events: answer.body.auth_chain.length, ms };
}

async function run(options: ScenarioOptions): Promise<Findings> {
  const developmentCa = path.join(options.folder, 'ca');
  const puppet = await openPuppetServer({ developmentCa });
  const database = await options.createDatabase();
  const server = await createServerProcess({
    folder: path.join(options.folder, 'server'),
    settings: { database_url: database.url, federation: { development_ca: developmentCa } },
  });
  try {
    await server.start();
    const stage = { puppet, server, client: await registerClient([server.url], 'victim') };
    const lies = await costOfLies(stage);
    options.report(`${lies.length} lies have been told`);
    const chain = await fakeChain(stage, FAKE_CHAIN[options.tier]);
    options.report(`a fake chain of ${FAKE_CHAIN[options.tier]} events has been refused`);
    const served = await serveAuthChain(stage, AUTH_CHAIN[options.tier]);
    const found = await judgeDatabases([database.url]);
    const cost = (name: string, { requests, cpuMs: ms }: Cost, maxMs: number): Figure[] => [
      { name: `requests to others: ${name}`, value: requests, unit: 'requests', max: MOST_REQUESTS },
      { name: `CPU: ${name}`, value: ms, unit: 'ms', max: maxMs, isTime: true },
    ];
    return {
      counts: { lie: { ok: lies.length, fail: 0, unknown: 0 } },
      figures: [
        ...lies.flatMap(([name, lie]) => cost(name, lie, 1_000)),
        ...cost('a chain that begins nowhere', chain.first, 5_000),
        { name: 'memory for that', value: chain.first.grownMiB, unit: 'MiB', max: 50, isTime: true },
        { name: 'requests to others for the next such event', value: chain.second.requests, unit: 'requests', max: 0 },
        { name: 'auth chain served', value: served.events, unit: 'events', min: AUTH_CHAIN[options.tier] },
        { name: 'time for that', value: served.ms, unit: 'ms', max: 2_000, isTime: true },
        ...found.figures,
      ],
      examples: found.examples,
    };
  } finally {
    if (server.isRunning) await server.stop();
    await puppet.close();
  }
}

/** What others claim costs little to look into, however much they claim; and what is long is told while it is read. */
export const h6: Scenario = {
  id: 'H6',
  title: 'One event of another server costs little, whatever it builds on; a long auth chain is served at once',
  run,
};
