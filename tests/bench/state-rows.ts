import path from 'node:path';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import { openIdBlocks } from '../../server/src/storage/id-blocks.ts';
import { openStateSnapshots, type Snapshot } from '../../server/src/storage/state-snapshots.ts';
import { makeLargeRoom } from '../harness/large-room.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { openPuppetServer, type PuppetServer } from '../harness/puppet-server.ts';
import { createRooms, joinRoom, registerClients } from '../torture/chat-rooms.ts';
import { findEmbeddedDatabase } from '../torture/embedded-database.ts';
import { expectOk, type MatrixClient } from '../torture/matrix-client.ts';
import { percentile } from '../torture/scenario.ts';
import { authChainRows } from './auth-chain-rows.ts';
import type { Bench } from './bench.ts';
import { growRoom, type SharedRoom } from './grown-room.ts';
import { branchRows, largeRoomRows } from './large-room-rows.ts';
import { limitRow, plainRow, type Row } from './row.ts';

const MEMBERS = 10_000;
/** Servers that the members of the room that is joined as a whole are of. */
const SERVERS = 5;
const SAMPLE = 200;

/** Rows that the state consists of. */
function rowsOf(state: Snapshot): number {
  let rows = 0;
  for (let at: Snapshot | undefined = state; at !== undefined; at = at.parent) rows += 1;
  return rows;
}

async function roomNid(db: Database, roomId: string): Promise<number> {
  const [row] = await db.query<{ nid: number }>('SELECT nid FROM rooms WHERE room_id = $1', [roomId]);
  if (row === undefined) throw new Error(`there is no room ${roomId}`);
  return row.nid;
}

/** Loads states of all ages of a room, each with nothing in memory. */
async function coldLoadRows(db: Database, name: string, roomId: string): Promise<Row[]> {
  const states = await db.query<{ id: number }>(
    `SELECT id FROM (SELECT DISTINCT state_after AS id FROM events WHERE room_nid = $1 AND state_after IS NOT NULL) states
     ORDER BY hashtext(id::text) LIMIT $2`,
    [await roomNid(db, roomId), SAMPLE],
  );
  const times: number[] = [];
  let rows = 0;
  for (const { id } of states) {
    const snapshots = openStateSnapshots(db, openIdBlocks(db, 'state_snapshot_ids', 64));
    const started = performance.now();
    const state = await snapshots.load(id);
    times.push(performance.now() - started);
    rows = Math.max(rows, rowsOf(state));
  }
  const ms = (part: number) => ({ value: percentile(times, part), unit: 'ms' });
  return [
    limitRow({ name: `${name}: rows of a state, at most`, value: rows, unit: 'rows' }, 10),
    plainRow({ name: `${name}: loading a state cold, median`, ...ms(0.5) }),
    limitRow({ name: `${name}: loading a state cold, p99`, ...ms(0.99) }, 20),
  ];
}

const STORED = `SELECT pg_total_relation_size('state_snapshots') AS snapshots,
  pg_total_relation_size('auth_chains') + pg_total_relation_size('current_state') AS indexes,
  (SELECT sum(octet_length(pdu)) FROM events WHERE state_key_nid IS NOT NULL)::bigint AS events`;

/** Bytes on disk, TOAST and indexes included, since an earlier look. */
interface Stored {
  readonly snapshots: number;
  readonly indexes: number;
  readonly events: number;
}

async function stored(db: Database): Promise<Stored> {
  await db.query('VACUUM (FREEZE) state_snapshots');
  const [row] = await db.query<Stored>(STORED);
  if (row === undefined) throw new Error('there is no answer');
  return row;
}

function storedRows(name: string, before: Stored, after: Stored): Row[] {
  const events = after.events - before.events;
  const times = (bytes: number) => ({ value: bytes / events, unit: '× bytes of events' });
  return [
    limitRow({ name: `${name}: stored state`, ...times(after.snapshots - before.snapshots) }, 3),
    plainRow({ name: `${name}: current state and auth chains`, ...times(after.indexes - before.indexes) }),
  ];
}

async function grownRoomRows(bench: Bench, db: Database, shared: SharedRoom): Promise<Row[]> {
  bench.say(`${MEMBERS} users of another server join one by one, on branches that meet again`);
  const before = await stored(db);
  const started = performance.now();
  await growRoom(shared, MEMBERS);
  const seconds = (performance.now() - started) / 1000;
  const name = 'grown room';
  return [
    plainRow({ name: `${name}: joins of others taken in`, value: MEMBERS / seconds, unit: 'events/s' }),
    ...(await coldLoadRows(db, name, shared.room.roomId)),
    ...storedRows(name, before, await stored(db)),
  ];
}

/** A large room that was joined as a whole: how it is to use, and how it is stored. */
async function joinedRoomRows(
  bench: Bench,
  db: Database,
  puppets: readonly PuppetServer[],
  [user, other]: readonly [MatrixClient, MatrixClient],
): Promise<Row[]> {
  bench.say(`a room with ${MEMBERS} members, joined as a whole`);
  const before = await stored(db);
  const large = makeLargeRoom(puppets, MEMBERS);
  large.serve();
  await joinRoom(user, large.roomId, [puppets[0]?.serverName ?? '']);
  const [small = ''] = await createRooms([other], 1);
  const use = await largeRoomRows({ client: user, room: large.roomId }, { client: other, room: small });
  const name = 'joined room';
  return [...use, ...(await coldLoadRows(db, name, large.roomId)), ...storedRows(name, before, await stored(db))];
}

/** `npm run bench -- --state`. */
export async function stateRows(bench: Bench): Promise<Row[]> {
  const { server, folder } = bench;
  const [owner, joiner, user, other] = await registerClients([server.url], 'user', 4);
  if (owner === undefined || joiner === undefined || user === undefined || other === undefined)
    throw new Error('four users are needed');
  const developmentCa = path.join(folder, 'data/development-ca');
  const puppets = await Promise.all(Array.from({ length: SERVERS }, () => openPuppetServer({ developmentCa })));
  const [puppet] = puppets;
  try {
    if (puppet === undefined) throw new Error('there are no servers');
    const chainRows = await authChainRows(bench, puppet, joiner);
    const db = openDatabase({ connection: (await findEmbeddedDatabase(path.join(folder, 'data'))).url, poolSize: 1 });
    try {
      const used = await joinedRoomRows(bench, db, puppets, [user, other]);
      const made = await expectOk(owner.call('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat' }));
      const userId = puppet.user('first');
      const room = await PuppetRoom.join(puppet, server.serverName, String(made.room_id), userId);
      const shared = { serverName: server.serverName, owner, puppet, room };
      return [
        ...chainRows,
        ...used,
        ...(await grownRoomRows(bench, db, shared)),
        ...(await branchRows(shared, userId)),
      ];
    } finally {
      await db.close();
    }
  } finally {
    for (const each of puppets) await each.close();
  }
}
