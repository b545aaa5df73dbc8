import { once } from 'node:events';
import path from 'node:path';
import { connect } from 'node:tls';
import { systemClock } from '../../server/src/base/clock.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { authorizationHeader } from '../../server/src/federation/x-matrix.ts';
import { canonicalJson } from '../../server/src/protocol/canonical-json.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { openPuppetServer, type PuppetServer } from '../harness/puppet-server.ts';
import type { MatrixClient } from '../torture/matrix-client.ts';
import { expectOk } from '../torture/matrix-client.ts';
import { overSocket } from './lean-connection.ts';

/** The most events that one transaction may hold. */
const PDUS = 50;
/** Transactions that are signed ahead of the measurement, per peer and second: more than any server takes in. */
const AHEAD_PER_SECOND = 160;

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

/** Transactions as they go over the connection, all written beforehand: the peers share the machine with the server. */
function signTransactions({ puppet, room, userId }: Peer, destination: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const text = (i: number) => `message ${n}.${i}, about as long as people write`;
    const pdus = Array.from({ length: PDUS }, (__, i) => room.message(userId, text(i)).pdu);
    const content = canonicalJson({ origin: puppet.serverName, origin_server_ts: Date.now(), pdus });
    const uri = `/_matrix/federation/v1/send/bench${n}`;
    const request = { method: 'PUT', uri, origin: puppet.serverName, destination, content };
    return [
      `PUT ${uri} HTTP/1.1`,
      `Host: ${destination}`,
      `Authorization: ${authorizationHeader(request, puppet.key)}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(content)}`,
      '',
      content,
    ].join('\r\n');
  });
}

/** Sends transactions one after the other, as servers do, until the time is up. @returns events that were accepted */
async function sendFor(
  target: { readonly serverName: string; readonly ca: string },
  transactions: readonly string[],
  ms: number,
): Promise<number> {
  const { hostname: host, port } = new URL(`https://${target.serverName}`);
  const socket = connect({ host, port: Number(port), servername: host, ca: target.ca });
  await once(socket, 'secureConnect');
  const connection = overSocket(socket);
  const end = performance.now() + ms;
  let accepted = 0;
  for (const transaction of transactions) {
    if (performance.now() >= end) {
      connection.close();
      return accepted;
    }
    const answer = await connection.exchange(transaction);
    const body = answer.slice(answer.indexOf('\r\n\r\n'));
    const isOk = answer.startsWith('HTTP/1.1 200 ') && !body.includes('"error"');
    if (!isOk || body.split('":{}').length !== PDUS + 1) throw new Error(`an inbound event was refused: ${answer}`);
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
    const count = Math.ceil((AHEAD_PER_SECOND * ms) / 1000 / peers) + 10;
    const signed = all.map((peer) => signTransactions(peer, server.serverName, count));
    const { ca } = await issueDevelopmentCertificate('localhost', target.developmentCa, systemClock);
    const started = performance.now();
    const sending = signed.map((transactions) => sendFor({ serverName: server.serverName, ca }, transactions, ms));
    const accepted = await Promise.all(sending);
    return (accepted.reduce((sum, of) => sum + of, 0) * 1000) / (performance.now() - started);
  } finally {
    for (const { puppet } of all) await puppet.close();
  }
}
