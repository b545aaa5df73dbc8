/**
 * `npm run bench [-- --json FILE] [--seconds N] [--client] [--federation] [--state]`: starts a server of its own, measures it and
 * prints a table. Speeds are shown as ratios to what the same Postgres on the same machine does in the same run. With `--client`
 * it measures the web client in a browser instead, with `--federation` only what has to do with other servers, with `--state`
 * large rooms and long auth chains.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRooms, joinRoom, registerClients } from '../torture/chat-rooms.ts';
import { findEmbeddedDatabase, stopLeftBehindDatabase } from '../torture/embedded-database.ts';
import { expectOk, type MatrixClient } from '../torture/matrix-client.ts';
import { surroundings } from '../torture/results.ts';
import { percentile } from '../torture/scenario.ts';
import { createServerProcess } from '../torture/server-process.ts';
import type { Bench } from './bench.ts';
import { federationRows, inboundRows } from './federation-rows.ts';
import { measureLatency } from './latency.ts';
import { cpuMs, familyCpuMs, residentMiB } from './process-stats.ts';
import { measureReference, messagePayload } from './reference.ts';
import { limitRow, plainRow, type Row, ratioRow, table } from './row.ts';
import { measureSends, send } from './sends.ts';
import { stateRows } from './state-rows.ts';

const CLIENT_SPEED = fileURLToPath(new URL('../client-web/speed.ts', import.meta.url));
const CLIENTS = 20;
const ROOMS = 10;
/** In how many pieces speeds are measured that are compared with each other. */
const TURNS = 8;
/** How much longer than the measuring itself. */
const WARM_UP = 1.5;
const LATENCY_PER_SECOND = 200;
const MANY_ROOMS = 100;
const MESSAGES_PER_ROOM = 10;
const INITIAL_SYNCS = 5;

/**
 * Speeds of sending beside R. They take turns, and of each the median counts: whatever else the machine does comes and goes within
 * seconds and so meets all of them.
 */
async function sendRows(
  { server, databaseUrl, databasePid, ms, say }: Bench,
  clients: readonly MatrixClient[],
  rooms: readonly string[],
) {
  const [first, ...others] = rooms;
  const [one] = clients;
  if (first === undefined || others.length === 0 || one === undefined) throw new Error('rooms and clients are needed');
  say('warming up');
  // A process has compiled what its sends run through after some ten thousand of them: until then each costs it up to twice as much.
  await measureSends(server.url, clients, rooms, ms * WARM_UP);
  const payload = await messagePayload(databaseUrl);
  say(
    `measuring R (payload ${Buffer.byteLength(payload)} bytes), many rooms, one room and one client in ${TURNS} turns`,
  );
  const speeds = { reference: [] as number[], many: [] as number[], single: [] as number[], alone: [] as number[] };
  const cpu: { before: CpuTimes; after: CpuTimes; sends: number }[] = [];
  const turnMs = ms / TURNS;
  const measurements = [
    async () => speeds.reference.push(await measureReference(databaseUrl, payload, turnMs)),
    async () => {
      const before = await cpuTimes(server.pid(), databasePid);
      const many = await measureSends(server.url, clients, rooms, turnMs);
      cpu.push({ before, after: await cpuTimes(server.pid(), databasePid), sends: many * (turnMs / 1000) });
      speeds.many.push(many);
    },
    async () => speeds.single.push(await measureSends(server.url, clients, [first], turnMs)),
    async () => speeds.alone.push(await measureSends(server.url, [one], [first], turnMs)),
  ];
  // To and fro, because each leaves Postgres something to clear away while the next is measured.
  for (let turn = 0; turn < TURNS; turn++)
    for (const measurement of turn % 2 === 0 ? measurements : measurements.toReversed()) await measurement();
  const [reference, many, single, alone] = [speeds.reference, speeds.many, speeds.single, speeds.alone].map((values) =>
    percentile(values, 0.5),
  ) as [number, number, number, number];
  return [
    plainRow({ name: 'R: bare inserts, 20 connections', value: reference, unit: 'rows/s' }),
    ratioRow({ name: 'sends, 20 clients, 10 rooms', value: many, unit: 'events/s' }, reference, { atLeast: 0.25 }),
    ratioRow({ name: 'sends, 20 clients, one room', value: single, unit: 'events/s' }, reference, { atLeast: 0.15 }),
    { name: 'sends, one client', value: alone, unit: 'events/s', reference, ratio: alone / reference },
    ...cpuRows(cpu),
  ] satisfies Row[];
}

interface CpuTimes {
  readonly server: number | undefined;
  readonly database: number | undefined;
  /** Of this process, which is all the clients. */
  readonly clients: number;
}

async function cpuTimes(serverPid: number, databasePid: number): Promise<CpuTimes> {
  const { user, system } = process.cpuUsage();
  return {
    server: await cpuMs(serverPid),
    database: await familyCpuMs(databasePid),
    clients: (user + system) / 1000,
  };
}

/** Where the CPU goes, with 20 clients and 10 rooms: all three share the machine. No row where the system does not tell. */
function cpuRows(turns: readonly { before: CpuTimes; after: CpuTimes; sends: number }[]): Row[] {
  const names = { server: 'the server process', database: 'Postgres', clients: 'the clients' } as const;
  return (['server', 'database', 'clients'] as const).flatMap((key) => {
    const perSend = turns.flatMap(({ before, after, sends }) => {
      const [from, to] = [before[key], after[key]];
      return from === undefined || to === undefined ? [] : [(to - from) / sends];
    });
    if (perSend.length === 0) return [];
    return [plainRow({ name: `CPU of ${names[key]} per send`, value: percentile(perSend, 0.5), unit: 'ms' })];
  });
}

async function latencyRows(bench: Bench, senders: readonly MatrixClient[], rooms: readonly string[]): Promise<Row[]> {
  bench.say(`sending ${LATENCY_PER_SECOND} messages a second to readers of ${rooms.length} rooms`);
  const readers = await registerClients([bench.server.url], 'reader', rooms.length);
  for (const [index, reader] of readers.entries()) await joinRoom(reader, rooms[index] ?? '');
  const options = { senders, readers, rooms, perSecond: LATENCY_PER_SECOND };
  // As before the sends: the first hundreds of syncs of a process are slow until their code is compiled.
  await measureLatency({ ...options, ms: bench.ms / 2 });
  const latencies = await measureLatency({ ...options, ms: bench.ms });
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  return [
    plainRow({ name: 'send to the other client’s sync, p50', value: p50, unit: 'ms' }),
    ratioRow({ name: 'send to the other client’s sync, p99', value: p99, unit: 'ms' }, p50, { atMost: 10 }),
  ];
}

async function initialSyncRows({ server, say }: Bench): Promise<Row[]> {
  say(`initial sync of a user with ${MANY_ROOMS} rooms`);
  const [member, writer] = await registerClients([server.url], 'many', 2);
  if (member === undefined || writer === undefined) throw new Error('two users are needed');
  const rooms = await createRooms([writer, member], MANY_ROOMS);
  for (const room of rooms) for (let n = 0; n < MESSAGES_PER_ROOM; n++) await send(writer, room, `message ${n}`);
  const times: number[] = [];
  for (let n = 0; n < INITIAL_SYNCS; n++) {
    const started = performance.now();
    const body = await expectOk(member.call('GET', '/_matrix/client/v3/sync?timeout=0'));
    times.push(performance.now() - started);
    const { join = {} } = body.rooms as { join?: object };
    if (Object.keys(join).length !== MANY_ROOMS) throw new Error('the initial sync does not show all rooms');
  }
  return [plainRow({ name: 'initial sync of 100 rooms, median', value: percentile(times, 0.5), unit: 'ms' })];
}

async function measure(bench: Bench): Promise<Row[]> {
  const { server, say } = bench;
  await delay(3000);
  const idle = await residentMiB(server.pid());
  say(`preparing ${CLIENTS} clients in ${ROOMS} rooms`);
  const clients = await registerClients([server.url], 'sender', CLIENTS);
  const rooms = await createRooms(clients, ROOMS);
  const rows = [
    ...(await sendRows(bench, clients, rooms)),
    ...(clients[0] === undefined ? [] : await inboundRows(bench, clients[0])),
    ...(await latencyRows(bench, clients, rooms)),
    ...(await initialSyncRows(bench)),
  ];
  const loaded = await residentMiB(server.pid());
  return [
    ...rows,
    limitRow({ name: 'memory of the server process, idle', value: idle, unit: 'MiB' }, 150),
    plainRow({ name: 'memory of the server process, after load', value: loaded, unit: 'MiB' }),
  ];
}

/** Measured by a program of its own, because it speaks the language of browsers. */
async function clientRows(url: string): Promise<Row[]> {
  const child = spawn(process.execPath, [CLIENT_SPEED, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`measuring the web client ended with ${code}`);
  return JSON.parse(output) as Row[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      seconds: { type: 'string', default: '8' },
      client: { type: 'boolean', default: false },
      federation: { type: 'boolean', default: false },
      state: { type: 'boolean', default: false },
    },
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-bench-'));
  // Postgres runs as another user when we are root.
  await chmod(folder, 0o711);
  const data = path.join(folder, 'data');
  const server = await createServerProcess({ folder });
  try {
    // The first start of a checkout compiles; every later one, which is what counts, finds that done.
    await server.start();
    await server.stop();
    await server.start();
    const { url: databaseUrl, pid: databasePid } = await findEmbeddedDatabase(data);
    const say = (line: string) => console.error(`• ${line}`);
    const bench = { server, databaseUrl, databasePid, folder, ms: Number(values.seconds) * 1000, say };
    const parts = { client: () => clientRows(server.url), federation: federationRows, state: stateRows } as const;
    const only = Object.entries(parts).find(([name]) => values[name as keyof typeof parts]);
    const rows = await (only?.[1] ?? measure)(bench);
    console.log(table(rows));
    if (values.json !== undefined) {
      const result = { date: new Date().toISOString(), ...(await surroundings()), rows };
      await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
    }
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  } finally {
    if (server.isRunning) await server.kill();
    await stopLeftBehindDatabase(data);
  }
}

await main();
