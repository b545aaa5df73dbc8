import path from 'node:path';
import { type Database, openDatabase } from '../../../server/src/storage/database.ts';
import { type CuttingProxy, startCuttingProxy } from '../../harness/cutting-proxy.ts';
import { freePort } from '../../harness/free-port.ts';
import { Person } from '../../harness/person.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';

/** One of the servers that are parted: all that the others send it goes through its proxy. */
export interface Side {
  readonly name: string;
  readonly process: ServerProcess;
  readonly proxy: CuttingProxy;
  readonly databaseUrl: string;
  /** Who has power in the rooms. */
  readonly admin: Person;
  /** Who has none, and whom the others may ban. */
  readonly member: Person;
  /** What the server holds of a room. */
  holdings(roomId: string): Promise<Holdings>;
  close(): Promise<void>;
}

export interface Holdings {
  /** Events in the graph that were not rejected, whether they are shown or not. */
  readonly events: ReadonlySet<string>;
  readonly rejected: ReadonlySet<string>;
  /** Current state: event ids by type and state key. */
  readonly state: ReadonlyMap<string, string>;
}

async function holdingsOf(db: Database, roomId: string): Promise<Holdings> {
  const events = await db.query<{ event_id: string; admission: string }>(
    `SELECT e.event_id, e.admission FROM events e JOIN rooms r ON r.nid = e.room_nid
     WHERE r.room_id = $1 AND e.admission <> 'outlier' AND (e.state_after IS NOT NULL OR e.admission = 'rejected')`,
    [roomId],
  );
  const state = await db.query<{ key: string; event_id: string }>(
    `SELECT k.type || ' ' || k.state_key AS key, e.event_id FROM current_state s JOIN events e ON e.nid = s.event_nid
     JOIN state_keys k ON k.nid = s.state_key_nid JOIN rooms r ON r.nid = s.room_nid WHERE r.room_id = $1`,
    [roomId],
  );
  const withAdmission = (isRejected: boolean) =>
    new Set(events.filter((event) => (event.admission === 'rejected') === isRejected).map((event) => event.event_id));
  return {
    events: withAdmission(false),
    rejected: withAdmission(true),
    state: new Map(state.map((row) => [row.key, row.event_id])),
  };
}

/** Starts a server whose name leads to its proxy. */
export async function openSide(name: string, folder: string, databaseUrl: string): Promise<Side> {
  const federationPort = await freePort();
  const proxy = await startCuttingProxy(federationPort);
  const process = await createServerProcess({
    folder: path.join(folder, name),
    settings: {
      server_name: `localhost:${proxy.port}`,
      federation_port: federationPort,
      database_url: databaseUrl,
      federation: { development_ca: path.join(folder, 'development-ca') },
    },
  });
  await process.start();
  const db = openDatabase({ connection: databaseUrl, poolSize: 2 });
  const server = { serverName: process.serverName, baseUrl: process.url };
  return {
    name,
    process,
    proxy,
    databaseUrl,
    admin: await Person.register(server, `admin${name}`),
    member: await Person.register(server, `member${name}`),
    holdings: (roomId) => holdingsOf(db, roomId),
    async close() {
      await db.close();
      if (process.isRunning) await process.stop();
      await proxy.close();
    },
  };
}
