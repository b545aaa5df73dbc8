import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeLargeRoom } from '../harness/large-room.ts';
import { openPuppetServer, type PuppetServer } from '../harness/puppet-server.ts';
import { joinRoom } from '../torture/chat-rooms.ts';
import { expectOk, type MatrixClient } from '../torture/matrix-client.ts';
import { send } from './sends.ts';

/** Servers that the members of the room are of. */
const SERVERS = 20;
/** Pause between two requests of each of the users who do other things meanwhile. */
const PAUSE_MS = 5;

export interface JoinSpeed {
  /** Events of the room's state and auth chain, each counted once. */
  readonly events: number;
  /** From asking to join until the join is answered, in milliseconds. */
  readonly ms: number;
  /** From sending a message, at once after that, until it is answered, in milliseconds. */
  readonly firstSendMs: number;
  /** Times of the bystander's requests, in milliseconds: the sending of messages, and a request that needs no database. */
  readonly sends: readonly number[];
  readonly pings: readonly number[];
}

function meanwhile(
  { client, room }: Bystander,
  isOver: () => boolean,
): [sends: Promise<number[]>, pings: Promise<number[]>] {
  return [
    repeatUntil(isOver, () => send(client, room, 'while somebody joins a large room')),
    repeatUntil(isOver, () => expectOk(client.call('GET', '/_matrix/client/versions'))),
  ];
}

async function repeatUntil(isOver: () => boolean, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  while (!isOver()) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
    await delay(PAUSE_MS);
  }
  return times;
}

/** A user who sends to a room, and asks for what needs no database, while somebody else joins another. */
export interface Bystander {
  readonly client: MatrixClient;
  readonly room: string;
}

/** Joins a room of another server with so many members, which have signed their joins with the keys of 20 servers. */
export async function measureJoin(
  server: { readonly serverName: string; readonly folder: string },
  joiner: MatrixClient,
  members: number,
  bystander?: Bystander,
): Promise<JoinSpeed> {
  const developmentCa = path.join(server.folder, 'data/development-ca');
  const puppets: PuppetServer[] = [];
  try {
    for (let n = 0; n < SERVERS; n++) puppets.push(await openPuppetServer({ developmentCa }));
    const [host] = puppets;
    if (host === undefined) throw new Error('there are no servers');
    const room = makeLargeRoom(puppets, members);
    room.serve();
    let isOver = false;
    const others = bystander === undefined ? [] : meanwhile(bystander, () => isOver);
    const started = performance.now();
    await joinRoom(joiner, room.roomId, [host.serverName]).finally(() => {
      isOver = true;
    });
    const ms = performance.now() - started;
    await send(joiner, room.roomId, 'here I am');
    const firstSendMs = performance.now() - started - ms;
    const [sends = [], pings = []] = await Promise.all(others);
    const events = new Set([...room.state, ...room.authChain].map((event) => event.eventId)).size;
    return { events, ms, firstSendMs, sends, pings };
  } finally {
    for (const puppet of puppets) await puppet.close();
  }
}
