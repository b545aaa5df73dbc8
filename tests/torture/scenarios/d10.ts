import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { judgeChat } from '../chat-findings.ts';
import { type ChatLoad, lastEvents, readRooms, startChat } from '../chat-load.ts';
import { joinRoom, registerClients } from '../chat-rooms.ts';
import { judgeDatabase } from '../database-findings.ts';
import { stopLeftBehindDatabase } from '../embedded-database.ts';
import type { MatrixClient } from '../matrix-client.ts';
import { createOperationLog, type Operation, type OperationLog } from '../operation-log.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import type { Figure, Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';
import { type Syncers, startSyncers } from '../syncers.ts';

const KILLS = { gate: 8, full: 100 };
const PEER_CLIENTS = 2;
const CATCH_UP_MS = 120_000;

interface Servers {
  /** Two processes on one database, under one name. */
  readonly pair: readonly [ServerProcess, ServerProcess];
  readonly peer: ServerProcess;
  /** Data folder of the peer, which has a database of its own. */
  readonly peerData: string;
}

async function prepareServers(folder: string, databaseUrl: string): Promise<Servers> {
  const federation = { development_ca: path.join(folder, 'development-ca') };
  const first = await createServerProcess({
    folder: path.join(folder, 'first'),
    settings: { database_url: databaseUrl, federation },
  });
  const second = await createServerProcess({
    folder: path.join(folder, 'second'),
    settings: { database_url: databaseUrl, federation, server_name: first.serverName },
  });
  const peer = await createServerProcess({ folder: path.join(folder, 'peer'), settings: { federation } });
  return { pair: [first, second], peer, peerData: path.join(folder, 'peer/data') };
}

/** Kills and restarts one of the two processes at a time, chosen at random. */
async function disturb(pair: Servers['pair'], kills: number, random: SeededRandom, report: (line: string) => void) {
  for (let kill = 1; kill <= kills; kill++) {
    await delay(random.integer(500, 3000));
    const victim = random.pick([0, 1] as const);
    await pair[victim].kill();
    await delay(random.integer(0, 2000));
    const startMs = await pair[victim].start();
    report(`kill ${kill} of ${kills}: process ${victim + 1}, back after ${Math.round(startMs)} ms`);
  }
}

function acknowledgedTexts(operations: readonly Operation[]): Set<string> {
  const sends = operations.filter(({ op, outcome }) => op === 'send' && outcome === 'ok');
  return new Set(sends.map(({ key, value }) => `${key} ${(value as { text: string }).text}`));
}

/** People on another server who read along. */
interface Audience {
  finish(): Promise<{ figures: Figure[]; examples: string[] }>;
}

async function startAudience(peer: ServerProcess, chat: ChatLoad, via: string, log: OperationLog): Promise<Audience> {
  const clients = await registerClients([peer.url], 'peer', PEER_CLIENTS);
  for (const client of clients) for (const room of chat.rooms) await joinRoom(client, room, [via]);
  const syncing = startSyncers({ clients, rooms: chat.rooms, log });
  return { finish: () => judgeAudience(clients, syncing, chat, log) };
}

/** Waits until everything acknowledged has arrived or the time is up, and judges what the other server's people saw. */
async function judgeAudience(clients: readonly MatrixClient[], syncing: Syncers, chat: ChatLoad, log: OperationLog) {
  const [reader] = clients;
  if (reader === undefined) throw new Error('there must be somebody on the other server');
  const deadline = performance.now() + CATCH_UP_MS;
  for (;;) {
    const readStart = performance.now();
    const rooms = await readRooms(reader, chat.rooms);
    const readEnd = performance.now();
    const missing = acknowledgedTexts(log.operations);
    for (const [room, events] of rooms) for (const { content } of events) missing.delete(`${room} ${content.body}`);
    if (missing.size > 0 && performance.now() < deadline) {
      await delay(500);
      continue;
    }
    await syncing.finish(lastEvents(rooms), CATCH_UP_MS);
    const record = { operations: log.operations, rooms, readStart, readEnd, chains: syncing.chains };
    const { figures, examples } = judgeChat(record);
    return {
      figures: figures.map((figure) => ({ ...figure, name: `on the other server: ${figure.name}` })),
      examples: examples.map((example) => `on the other server: ${example}`),
    };
  }
}

async function run({ folder, seed, tier, createDatabase, report }: ScenarioOptions): Promise<Findings> {
  const { url } = await createDatabase();
  const { pair, peer, peerData } = await prepareServers(folder, url);
  const log = createOperationLog(path.join(folder, 'operations.jsonl'));
  try {
    // One after the other: the first one makes the tables.
    for (const server of [...pair, peer]) await server.start();
    const urls = pair.map((server) => server.url);
    const chat = await startChat(urls, log, seededRandom(seed));
    const audience = await startAudience(peer, chat, pair[0].serverName, log);
    await disturb(pair, KILLS[tier], seededRandom(seed + 1), report);
    const { figures, examples } = await chat.finish();
    const elsewhere = await audience.finish();
    const database = await judgeDatabase(url);
    for (const server of [peer, ...pair]) await server.stop();
    return {
      counts: log.counts(),
      figures: [...figures, ...elsewhere.figures, ...database.figures],
      examples: [...examples, ...elsewhere.examples, ...database.examples],
    };
  } finally {
    for (const server of [peer, ...pair]) if (server.isRunning) await server.kill();
    await stopLeftBehindDatabase(peerData);
    await log.close();
  }
}

export const d10: Scenario = {
  id: 'D10',
  title:
    'kill -9 of one of two processes on one database: nothing lost, doubled or skipped, here or on a federated server',
  run,
};
