import path from 'node:path';
import { makeLargeRoom } from '../../harness/large-room.ts';
import { openPuppetServer, type PuppetServer } from '../../harness/puppet-server.ts';
import { createRooms, joinRoom, registerClients } from '../chat-rooms.ts';
import { judgeDatabases } from '../database-findings.ts';
import { writeManyMessages } from '../many-messages.ts';
import type { Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { createServerProcess } from '../server-process.ts';

const EVENTS = { gate: 20_000, full: 1_000_000 };
/** Rooms of other servers that somebody joins, and how many members each has. */
const LARGE_ROOMS = { gate: 2, full: 10 };
const MEMBERS = { gate: 500, full: 5_000 };
/** Rooms of this server with two members. */
const ROOMS = 10;
const SERVERS = 3;

async function run(options: ScenarioOptions): Promise<Findings> {
  const { tier, folder, report } = options;
  const developmentCa = path.join(folder, 'ca');
  const database = await options.createDatabase();
  const server = await createServerProcess({
    folder: path.join(folder, 'server'),
    settings: { database_url: database.url, federation: { development_ca: developmentCa } },
  });
  const puppets: PuppetServer[] = [];
  try {
    for (let n = 0; n < SERVERS; n++) puppets.push(await openPuppetServer({ developmentCa }));
    await server.start();
    const clients = await registerClients([server.url], 'writer', 2);
    const [writer] = clients;
    if (writer === undefined) throw new Error('nobody writes');
    await createRooms(clients, ROOMS);
    for (let n = 0; n < LARGE_ROOMS[tier]; n++) {
      const room = makeLargeRoom(puppets, MEMBERS[tier]);
      room.serve();
      await joinRoom(writer, room.roomId, [puppets[0]?.serverName ?? '']);
    }
    await server.stop();
    const messages = EVENTS[tier] - LARGE_ROOMS[tier] * MEMBERS[tier];
    report(`${ROOMS + LARGE_ROOMS[tier]} rooms are there`);
    await writeManyMessages(database.url, { userId: writer.userId, serverName: server.serverName }, messages);
    report(`${messages} messages are in them`);
    const found = await judgeDatabases([database.url]);
    return {
      counts: { message: { ok: messages, fail: 0, unknown: 0 } },
      figures: found.figures.map((figure) => (figure.unit === 'events' ? { ...figure, min: EVENTS[tier] } : figure)),
      examples: found.examples,
    };
  } finally {
    if (server.isRunning) await server.kill();
    for (const puppet of puppets) await puppet.close();
  }
}

/** Whoever wants to know whether a database is sound gets to know it in minutes, however much is in it. */
export const d7: Scenario = {
  id: 'D7',
  title: 'A database of a million events is checked against itself in five minutes, and nothing is wrong in it',
  run,
};
