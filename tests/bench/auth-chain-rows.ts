import { once } from 'node:events';
import { request } from 'node:https';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../server/src/base/clock.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { authorizationHeader } from '../../server/src/federation/x-matrix.ts';
import { type Event, stateKey } from '../../server/src/protocol/event.ts';
import { authDifference } from '../../server/src/rooms/auth-difference.ts';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import type { PuppetServer } from '../harness/puppet-server.ts';
import { joinRoom } from '../torture/chat-rooms.ts';
import { findEmbeddedDatabase } from '../torture/embedded-database.ts';
import type { MatrixClient } from '../torture/matrix-client.ts';
import { percentile } from '../torture/scenario.ts';
import type { Bench } from './bench.ts';
import { residentMiB } from './process-stats.ts';
import { limitRow, plainRow, type Row, ratioRow } from './row.ts';

const LENGTH = 50_000;
/** Peers' requests that are answered at the same time. */
const AT_ONCE = 4;
const DIFFERENCES = 11;
/** Changes of the power levels that one of two states has and the other lacks. */
const APART = 10;
const SAMPLE_MS = 20;

/** A room whose power levels have been changed so often. Room version 10 names its create event too. */
function makeRoom(puppet: PuppetServer): { room: PuppetRoom; levels: Event[] } {
  const creator = puppet.user('creator');
  const room = PuppetRoom.create(puppet, '10', creator);
  const levels: Event[] = [];
  for (let n = 0; n < LENGTH; n++) {
    const content = { users: { [creator]: 100 }, events: { 'org.example.n': n % 100 } };
    const event = room.build({ type: 'm.room.power_levels', sender: creator, stateKey: '', content });
    // Not by `apply`, which keeps the state before each event.
    room.know(event.pdu);
    room.state.set(stateKey('m.room.power_levels', ''), event);
    room.latest = [event.eventId];
    room.depth += 1;
    levels.push(event);
  }
  room.serve();
  return { room, levels };
}

interface Fetch {
  readonly bytes: number;
  readonly ms: number;
  /** Until the first byte of the body. */
  readonly firstMs: number;
}

/** Asks as another server does and takes the answer as fast as it comes, without keeping it. */
async function fetchAs(puppet: PuppetServer, destination: string, ca: string, uri: string): Promise<Fetch> {
  const { hostname, port } = new URL(`https://${destination}`);
  const signed = { method: 'GET', uri, origin: puppet.serverName, destination, content: undefined };
  const headers = { authorization: authorizationHeader(signed, puppet.key) };
  const started = performance.now();
  const asked = request({ hostname, port, servername: hostname, path: uri, ca, headers, agent: false }).end();
  const [answer] = await once(asked, 'response');
  if (answer.statusCode !== 200) throw new Error(`the auth chain was refused with ${answer.statusCode}`);
  let bytes = 0;
  let firstMs = 0;
  for await (const chunk of answer) {
    if (bytes === 0) firstMs = performance.now() - started;
    bytes += chunk.length;
  }
  return { bytes, firstMs, ms: performance.now() - started };
}

/** The most memory that a process has while something is done, in MiB. */
async function peakMiB(pid: number, work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  let peak = 0;
  while (!isOver) {
    peak = Math.max(peak, await residentMiB(pid));
    await Promise.race([ended, delay(SAMPLE_MS)]);
  }
  await ended;
  return peak;
}

const WALK = `WITH RECURSIVE one (nid) AS (SELECT unnest($1::bigint[])
    UNION SELECT unnest(e.auth_events) FROM one JOIN events e ON e.nid = one.nid),
  other (nid) AS (SELECT unnest($2::bigint[])
    UNION SELECT unnest(e.auth_events) FROM other JOIN events e ON e.nid = other.nid)
  SELECT nid FROM one FULL JOIN other USING (nid) WHERE one.nid IS NULL OR other.nid IS NULL`;

async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < DIFFERENCES; n++) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  return percentile(times, 0.5);
}

/** The auth difference of two states that lie a few changes apart: by the index, and by following every auth event. */
async function differenceRow(db: Database, levels: readonly Event[]): Promise<Row> {
  const ids = [levels.at(-1 - APART), levels.at(-1)].map((event) => event?.eventId);
  const rows = await db.query<{ nid: number }>('SELECT nid FROM events WHERE event_id = ANY ($1) ORDER BY depth', [
    ids,
  ]);
  const states = rows.map(({ nid }) => [nid]);
  const difference = await authDifference(db, new Map(), states, () => []);
  const walked = await db.query<{ nid: number }>(WALK, states);
  if (difference.size !== APART || walked.length !== APART)
    throw new Error(`the auth difference has ${difference.size}`);
  const walking = await medianMs(() => db.query(WALK, states));
  const value = await medianMs(() => authDifference(db, new Map(), states, () => []));
  return ratioRow({ name: 'auth difference by the index, of walking', value, unit: 'ms' }, walking, { atMost: 0.1 });
}

/**
 * A room with a very long auth chain: how it is joined, answered to another server, and compared. The server is started anew
 * in between, so that its memory does not hold what joining took.
 */
export async function authChainRows(
  { server, folder, say }: Bench,
  puppet: PuppetServer,
  joiner: MatrixClient,
): Promise<Row[]> {
  say(`a room whose power levels have changed ${LENGTH} times`);
  const data = path.join(folder, 'data');
  const { room, levels } = makeRoom(puppet);
  const joining = performance.now();
  await joinRoom(joiner, room.roomId, [puppet.serverName]);
  const joinMs = performance.now() - joining;
  await server.stop();
  await server.start();
  const join = room.eventOf('m.room.member', joiner.userId)?.eventId ?? '';
  const uri = `/_matrix/federation/v1/event_auth/${encodeURIComponent(room.roomId)}/${encodeURIComponent(join)}`;
  const { ca } = await issueDevelopmentCertificate('localhost', path.join(data, 'development-ca'), systemClock);
  const fetch = () => fetchAs(puppet, server.serverName, ca, uri);
  const atStart = await residentMiB(server.pid());
  // A process that has just started takes from the system what its collector of garbage works in, once and whatever it does.
  const first = await peakMiB(server.pid(), fetch());
  const before = await residentMiB(server.pid());
  const together: Promise<Fetch[]> = Promise.all(Array.from({ length: AT_ONCE }, fetch));
  const peak = await peakMiB(server.pid(), together);
  const alone = await fetch();
  const db = openDatabase({ connection: (await findEmbeddedDatabase(data)).url, poolSize: 1 });
  const difference = await differenceRow(db, levels).finally(() => db.close());
  return [
    plainRow({ name: `joining a room with an auth chain of ${LENGTH} events`, value: joinMs, unit: 'ms' }),
    limitRow({ name: `auth chain of ${LENGTH} events answered`, value: alone.ms, unit: 'ms' }, 2_000),
    plainRow({ name: 'its first byte', value: alone.firstMs, unit: 'ms' }),
    plainRow({ name: 'its size', value: alone.bytes / 1024 / 1024, unit: 'MiB' }),
    plainRow({ name: 'growth of memory while the first server takes it', value: first - atStart, unit: 'MiB' }),
    limitRow(
      { name: `further growth while ${AT_ONCE} servers take it at once`, value: peak - before, unit: 'MiB' },
      64,
    ),
    difference,
  ];
}
