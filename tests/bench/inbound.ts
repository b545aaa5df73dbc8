import path from 'node:path';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { openPuppetServer, type PuppetServer } from '../harness/puppet-server.ts';
import type { MatrixClient } from '../torture/matrix-client.ts';
import { expectOk } from '../torture/matrix-client.ts';

/** The most events that one transaction may hold. */
const PDUS = 50;
/** Transactions that are signed ahead of the measurement, per peer and second: more than any server takes in. */
const AHEAD_PER_SECOND = 120;

interface Peer {
  readonly puppet: PuppetServer;
  readonly room: PuppetRoom;
  readonly userId: string;
}

/** A peer with real keys, and a room of the server under test that one of its users has joined. */
async function joinNewRoom(server: { serverName: string; developmentCa: string }, owner: MatrixClient): Promise<Peer> {
  const puppet = await openPuppetServer({ developmentCa: server.developmentCa });
  const made = await expectOk(owner.call('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat' }));
  const userId = puppet.user('sender');
  const room = await PuppetRoom.join(puppet, server.serverName, String(made.room_id), userId);
  return { puppet, room, userId };
}

function signTransactions({ room, userId }: Peer, count: number): object[][] {
  return Array.from({ length: count }, (_, n) =>
    Array.from(
      { length: PDUS },
      (_, i) => room.message(userId, `message ${n}.${i}, about as long as people write`).pdu,
    ),
  );
}

/** Sends transactions one after the other, as servers do, until the time is up. @returns events that were accepted */
async function sendFor(
  peer: Peer,
  serverName: string,
  transactions: readonly object[][],
  end: number,
): Promise<number> {
  let accepted = 0;
  for (const [n, pdus] of transactions.entries()) {
    if (performance.now() >= end) return accepted;
    const body = { origin: peer.puppet.serverName, origin_server_ts: Date.now(), pdus };
    const answer = await peer.puppet.call(serverName, 'PUT', `/v1/send/bench${n}-${end}`, body as never);
    const results = Object.values(answer.body.pdus as Record<string, { error?: string }>);
    const refused = results.find((result) => result.error !== undefined);
    if (answer.status !== 200 || refused !== undefined || results.length !== PDUS)
      throw new Error(`an inbound event was refused: ${refused?.error ?? answer.text}`);
    accepted += PDUS;
  }
  throw new Error('there were not enough transactions');
}

/**
 * Events a second that a server takes in through its federation listener, from peers that each write to a room of their own:
 * in signed transactions of 50 messages, one after the other per peer, each answered when its events are durable.
 */
export async function measureInbound(
  server: { readonly serverName: string; readonly folder: string },
  owner: MatrixClient,
  peers: number,
  ms: number,
): Promise<number> {
  const target = { serverName: server.serverName, developmentCa: path.join(server.folder, 'data/development-ca') };
  const all: Peer[] = [];
  try {
    for (let n = 0; n < peers; n++) all.push(await joinNewRoom(target, owner));
    const signed = all.map((peer) => signTransactions(peer, Math.ceil((AHEAD_PER_SECOND * ms) / 1000 / peers) + 10));
    const started = performance.now();
    const end = started + ms;
    const accepted = await Promise.all(
      all.map((peer, index) => sendFor(peer, server.serverName, signed[index] ?? [], end)),
    );
    return (accepted.reduce((sum, of) => sum + of, 0) * 1000) / (performance.now() - started);
  } finally {
    for (const { puppet } of all) await puppet.close();
  }
}
