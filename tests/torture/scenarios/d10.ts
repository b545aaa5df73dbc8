import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { judgeChat } from '../chat-findings.ts';
import { type ChatLoad, lastEvents, readRooms, startChat } from '../chat-load.ts';
import { joinRoom, registerClients } from '../chat-rooms.ts';
import { judgeDatabases } from '../database-findings.ts';
import { findEmbeddedDatabase, stopLeftBehindDatabase } from '../embedded-database.ts';
import { createOperationLog, type OperationLog } from '../operation-log.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import type { Figure, Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { startSenders } from '../senders.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';
import { startSyncers } from '../syncers.ts';

const KILLS = { gate: 6, full: 100 };
const PEER_CLIENTS = 2;
/** Modest: what is not delivered while a process is away has to be caught up with afterwards. */
const PER_SECOND = 40;
const PEER_PER_SECOND = 10;
/** How long what was acknowledged on one server may take to the other once nothing is killed any more. */
const SETTLE_MS = 300_000;

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

/** People on another server, two who read along and two who also write. */
interface Audience {
  stopSending(): Promise<void>;
  finish(): Promise<Judgement>;
}

interface Judgement {
  readonly figures: readonly Figure[];
  readonly examples: readonly string[];
}

/** Says of a judgement that it is about the other server. */
function elsewhere({ figures, examples }: Judgement): Judgement {
  return {
    figures: figures.map((figure) => ({ ...figure, name: `on the other server: ${figure.name}` })),
    examples: examples.map((example) => `on the other server: ${example}`),
  };
}

async function startAudience(
  peer: ServerProcess,
  chat: ChatLoad,
  via: string,
  log: OperationLog,
  random: SeededRandom,
) {
  const readers = await registerClients([peer.url], 'peerreader', PEER_CLIENTS);
  const writers = await registerClients([peer.url], 'peerwriter', PEER_CLIENTS);
  for (const client of [...readers, ...writers]) for (const room of chat.rooms) await joinRoom(client, room, [via]);
  const { rooms } = chat;
  const syncing = startSyncers({ clients: readers, rooms, log });
  const sending = startSenders({ name: 'peer', clients: writers, rooms, log, random, perSecond: PEER_PER_SECOND });
  const audience: Audience = {
    stopSending: () => sending.stop(),
    async finish() {
      const [reader] = readers;
      if (reader === undefined) throw new Error('there must be somebody on the other server');
      const reading = await readRooms(reader, rooms, log, SETTLE_MS);
      await syncing.finish(lastEvents(reading.rooms), SETTLE_MS);
      const { chains, chainsFrom } = syncing;
      const { figures, examples } = judgeChat({ operations: log.operations, ...reading, chains, chainsFrom });
      const acknowledged = sending.acknowledged();
      return elsewhere({
        figures: [...figures, { name: 'messages acknowledged', value: acknowledged, unit: 'messages', min: 1 }],
        examples,
      });
    },
  };
  return audience;
}

async function run({ folder, seed, tier, createDatabase, report }: ScenarioOptions): Promise<Findings> {
  const { url } = await createDatabase();
  const { pair, peer, peerData } = await prepareServers(folder, url);
  const log = createOperationLog(path.join(folder, 'operations.jsonl'));
  try {
    // One after the other: the first one makes the tables.
    for (const server of [...pair, peer]) await server.start();
    const urls = pair.map((server) => server.url);
    const chat = await startChat({ urls, log, random: seededRandom(seed), perSecond: PER_SECOND });
    const audience = await startAudience(peer, chat, pair[0].serverName, log, seededRandom(seed + 2));
    await disturb(pair, KILLS[tier], seededRandom(seed + 1), report);
    await Promise.all([chat.stopSending(), audience.stopSending()]);
    const judgements: Judgement[] = [
      await chat.finish(SETTLE_MS),
      await audience.finish(),
      await judgeDatabases([url, (await findEmbeddedDatabase(peerData)).url]),
    ];
    for (const server of [peer, ...pair]) await server.stop();
    return {
      counts: log.counts(),
      figures: judgements.flatMap(({ figures }) => figures),
      examples: judgements.flatMap(({ examples }) => examples),
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
