import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Database, openDatabase } from '../../../server/src/storage/database.ts';
import { cpuMs, residentMiB } from '../../bench/process-stats.ts';
import { openPuppetServer, type PuppetServer, RawAnswer } from '../../harness/puppet-server.ts';
import { judgeDatabases } from '../database-findings.ts';
import { expectOk, type MatrixClient, registerClient } from '../matrix-client.ts';
import type { Figure, Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';

const SIZES = {
  gate: { dead: 500, healthy: 9, missed: 120, restMs: 1_000 },
  full: { dead: 10_000, healthy: 99, missed: 1_000, restMs: 60_000 },
};
const DAY_MS = 86_400_000;
const WAIT_MS = 300_000;
const TIMED_MESSAGES = 10;

interface Scene {
  readonly server: ServerProcess;
  readonly db: Database;
  readonly client: MatrixClient;
  readonly size: (typeof SIZES)['gate'];
  /** Opens a peer that takes what it is sent. */
  openPeer(): Promise<Peer>;
}

/** A server that takes transactions and remembers what was in them. */
interface Peer {
  readonly puppet: PuppetServer;
  /** Texts of the messages, in the order of their arrival. */
  readonly texts: string[];
  /** Numbers of the messages to its devices. */
  readonly toDevice: number[];
}

async function openPeer(developmentCa: string): Promise<Peer> {
  const puppet = await openPuppetServer({ developmentCa });
  const peer: Peer = { puppet, texts: [], toDevice: [] };
  puppet.answers.set('send', ({ body }) => {
    for (const { content } of body.pdus) if (content?.body !== undefined) peer.texts.push(content.body);
    for (const { edu_type: type, content } of body.edus)
      if (type === 'm.direct_to_device') peer.toDevice.push(content.messages[puppet.user('peer')].D.n);
    return { pdus: {} };
  });
  return peer;
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${WAIT_MS / 1_000} s`);
    await delay(20);
  }
}

let transactions = 0;

async function say(client: MatrixClient, roomId: string, text: string): Promise<void> {
  const at = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${transactions++}`;
  await expectOk(client.call('PUT', at, { msgtype: 'm.text', body: text }));
}

/** A room in which the servers take part. No member event makes it so, or ten thousand signatures would be what is measured. */
async function roomWith({ db, client }: Scene, servers: readonly string[]): Promise<string> {
  const { room_id: roomId } = await expectOk(
    client.call('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat' }),
  );
  await db.query(
    `INSERT INTO room_servers (room_nid, server, joined_members, since_position)
     SELECT r.nid, s, 1, h.position FROM rooms r, log_head h, unnest($2::text[]) AS s WHERE r.room_id = $1`,
    [roomId, servers],
  );
  // After a change of membership it is looked up again who is in the room.
  const member = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId as string)}/state/m.room.member/${encodeURIComponent(client.userId)}`;
  await expectOk(client.call('PUT', member, { membership: 'join', displayname: 'Alice' }));
  return roomId as string;
}

/** What servers cost that have not been reached for a day, after somebody has spoken in a room with all of them. */
async function deadServers(scene: Scene): Promise<Figure[]> {
  const { db, client, server, size } = scene;
  const dead = Array.from({ length: size.dead }, (_, n) => `dead${n}.localhost:9`);
  const memoryBefore = await residentMiB(server.pid());
  // After a day each of them is tried every few minutes.
  await db.query(
    `INSERT INTO destinations (server_name, failing_since, retry_at)
     SELECT s, $2::bigint, $3::bigint + (random() * 660000)::bigint FROM unnest($1::text[]) AS s`,
    [dead, Date.now() - DAY_MS, Date.now()],
  );
  const roomId = await roomWith(scene, dead);
  await say(client, roomId, 'to all the dead');
  await delay(size.restMs / 2);
  const [cpuBefore, startedAt] = [(await cpuMs(server.pid())) ?? 0, performance.now()];
  await delay(size.restMs);
  const cpu = (((await cpuMs(server.pid())) ?? 0) - cpuBefore) / (performance.now() - startedAt);
  const memory = (await residentMiB(server.pid())) - memoryBefore;
  await db.query(`DELETE FROM room_servers WHERE server LIKE 'dead%'`);
  return [
    { name: 'memory that dead servers cost', value: memory, unit: 'MiB', max: 100, isTime: true },
    { name: 'CPU that dead servers cost', value: cpu * 100, unit: '% of a core', max: 5, isTime: true },
  ];
}

/** How much longer messages take to all healthy servers while another one takes the transaction and does not answer. */
async function hungServer(scene: Scene): Promise<Figure[]> {
  const peers: Peer[] = [];
  for (let n = 0; n < scene.size.healthy; n++) peers.push(await scene.openPeer());
  const hung = await scene.openPeer();
  hung.puppet.answers.set('send', () => new RawAnswer(() => {}));
  const names = peers.map(({ puppet }) => puppet.serverName);
  const timeIn = async (roomId: string): Promise<number> => {
    await say(scene.client, roomId, 'first');
    await until(() => peers.every(({ texts }) => texts.includes('first')), 'the first message is everywhere');
    const startedAt = performance.now();
    for (let n = 0; n < TIMED_MESSAGES; n++) await say(scene.client, roomId, `timed ${n}`);
    await until(() => peers.every(({ texts }) => texts.length === TIMED_MESSAGES + 1), 'all messages are everywhere');
    for (const { texts } of peers) texts.length = 0;
    return performance.now() - startedAt;
  };
  const alone = await timeIn(await roomWith(scene, names));
  const beside = await timeIn(await roomWith(scene, [...names, hung.puppet.serverName]));
  return [
    { name: `${peers.length} healthy servers have ${TIMED_MESSAGES} messages`, value: alone, unit: 'ms', isTime: true },
    { name: 'the same beside one that hangs', value: beside / alone, unit: 'times', max: 2, isTime: true },
  ];
}

/** What a server gets that was away for a day. The outage is put back in time, which is all that anybody knows of it. */
async function awayForADay(scene: Scene): Promise<{ figures: Figure[]; lost: string[] }> {
  const { db, client, server, size } = scene;
  const peer = await scene.openPeer();
  const { puppet } = peer;
  puppet.isUp = false;
  const roomId = await roomWith(scene, [puppet.serverName]);
  const wanted = Array.from({ length: size.missed }, (_, n) => `missed ${n}`);
  for (const [n, text] of wanted.entries()) {
    await say(client, roomId, text);
    if (n % 10 > 0) continue;
    const messages = { [puppet.user('peer')]: { D: { n } } };
    await expectOk(client.call('PUT', `/_matrix/client/v3/sendToDevice/m.test/${transactions++}`, { messages }));
  }
  const away = 'UPDATE destinations SET failing_since = $2, retry_at = $3 WHERE server_name = $1 RETURNING 1';
  const since = Date.now() - DAY_MS;
  await until(
    async () => (await db.query(away, [puppet.serverName, since, Date.now() + 3_600_000])).length === 1,
    'the outage is noticed',
  );
  const [rows] = await db.query<{ n: number }>('SELECT count(*)::int AS n FROM room_servers WHERE server = $1', [
    puppet.serverName,
  ]);
  puppet.isUp = true;
  const startedAt = performance.now();
  // It is heard from, as a server is that has just started and has something to ask.
  await puppet.call(server.serverName, 'GET', `/v1/query/profile?user_id=${encodeURIComponent(client.userId)}`);
  const devices = wanted.filter((_, n) => n % 10 === 0).length;
  await until(() => peer.texts.length >= wanted.length && peer.toDevice.length >= devices, 'it has what it missed');
  const caughtUpMs = performance.now() - startedAt;
  const lost = wanted.filter((text) => !peer.texts.includes(text));
  const isInOrder = JSON.stringify(peer.texts) === JSON.stringify(wanted);
  const doubled = peer.toDevice.length - new Set(peer.toDevice).size;
  return {
    lost,
    figures: [
      { name: 'events lost after a day', value: lost.length, unit: 'events', max: 0 },
      { name: 'events doubled or out of order', value: isInOrder ? 0 : 1, unit: 'times', max: 0 },
      {
        name: 'messages to devices lost or doubled',
        value: Math.abs(peer.toDevice.length - devices) + doubled,
        unit: 'messages',
        max: 0,
      },
      { name: 'rows kept for the server and the room', value: rows?.n ?? 0, unit: 'rows', max: 1 },
      { name: `catching up ${wanted.length} events`, value: caughtUpMs, unit: 'ms', isTime: true },
    ],
  };
}

async function run({ folder, tier, createDatabase }: ScenarioOptions): Promise<Findings> {
  const { url } = await createDatabase();
  const developmentCa = path.join(folder, 'ca');
  const peers: Peer[] = [];
  const server = await createServerProcess({
    folder: path.join(folder, 'server'),
    settings: { database_url: url, federation: { development_ca: developmentCa } },
  });
  await server.start();
  const db = openDatabase({ connection: url, poolSize: 2 });
  try {
    const scene: Scene = {
      server,
      db,
      client: await registerClient([server.url], 'alice'),
      size: SIZES[tier],
      async openPeer() {
        const peer = await openPeer(developmentCa);
        peers.push(peer);
        return peer;
      },
    };
    const hung = await hungServer(scene);
    const away = await awayForADay(scene);
    const dead = await deadServers(scene);
    await server.stop();
    // These servers never had a member.
    await db.query(`DELETE FROM room_servers WHERE server <> $1`, [server.serverName]);
    const database = await judgeDatabases([url]);
    return {
      counts: { event: { ok: scene.size.missed - away.lost.length, fail: away.lost.length, unknown: 0 } },
      figures: [...away.figures, ...dead, ...hung, ...database.figures],
      examples: [...away.lost.slice(0, 3), ...database.examples],
    };
  } finally {
    if (server.isRunning) await server.stop();
    await db.close();
    await Promise.all(peers.map(({ puppet }) => puppet.close()));
  }
}

export const h3: Scenario = {
  id: 'H3',
  title: 'servers that are away, hang or never come back: who was away gets everything, and the others do not notice',
  run,
};
