import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../server/src/base/clock.ts';
import type { Logger } from '../../server/src/base/logger.ts';
import { loadConfig } from '../../server/src/config.ts';
import { FederationSender } from '../../server/src/delivery/federation-sender.ts';
import type { Federation } from '../../server/src/federation/federation.ts';
import { openRooms, type RoomsAndSync } from '../../server/src/homeserver/open-rooms.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import { authEventKeys } from '../../server/src/protocol/auth-events.ts';
import type { EventId, Pdu, RoomId, UserId } from '../../server/src/protocol/event.ts';
import { cosignEvent, hashAndSignEvent } from '../../server/src/protocol/event-signing.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { roomVersion } from '../../server/src/protocol/room-versions.ts';
import { createRoom } from '../../server/src/rooms/create-room.ts';
import { newReceiving, receivePdus } from '../../server/src/rooms/receive.ts';
import { sendMessage } from '../../server/src/rooms/send.ts';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import {
  readBody,
  type ScriptedPeer,
  sendJson,
  startScriptedPeer,
  testFederation,
} from '../federation/federation-scene.ts';

export const SERVER = 'localhost:1';
export const ALICE: UserId = `@alice:${SERVER}`;

interface ReceivedTransaction {
  readonly txnId: string;
  readonly pdus: readonly JsonObject[];
  readonly edus: readonly JsonObject[];
}

/** A scripted server that takes transactions as long as the test does not say otherwise. */
export interface Receiver extends ScriptedPeer {
  readonly user: UserId;
  /** Transactions that were answered with 200, in the order of their arrival. */
  readonly taken: ReceivedTransaction[];
  /** Every transaction that arrived. */
  readonly seen: ReceivedTransaction[];
  /** Answers a transaction, or keeps it; undefined takes it. */
  answer: ((transaction: ReceivedTransaction, response: ServerResponse, request: IncomingMessage) => void) | undefined;
  /** Texts of the messages in the transactions that were taken. */
  texts(): unknown[];
  /** EDUs in the transactions that were taken. */
  edus(type: string): unknown[];
  /** Waits until what it has seen or taken is as wanted. */
  until(isWanted: (receiver: Receiver) => boolean): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const waiting = new Set<() => void>();
  const peer = await startScriptedPeer(systemClock);
  const receiver: Receiver = Object.assign(peer, {
    user: `@bob:${peer.serverName}` as UserId,
    taken: [],
    seen: [],
    answer: undefined,
    texts: () =>
      receiver.taken.flatMap(({ pdus }) => pdus.flatMap((pdu) => (pdu.content as JsonObject | undefined)?.body ?? [])),
    edus: (type: string) =>
      receiver.taken.flatMap(({ edus }) => edus.flatMap((edu) => (edu.edu_type === type ? [edu.content] : []))),
    until: (isWanted: (receiver: Receiver) => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!isWanted(receiver)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  });
  peer.handle = async (request, response) => {
    if (request.url?.includes('/v2/invite/')) return await agreeToInvite(receiver, request, response);
    const txnId = decodeURIComponent(/\/send\/([^/?]+)$/.exec(request.url ?? '')?.[1] ?? '');
    if (txnId === '') return sendJson(response, { errcode: 'M_UNRECOGNIZED' }, 404);
    const { pdus, edus } = JSON.parse((await readBody(request)).toString()) as ReceivedTransaction;
    const transaction = { txnId, pdus, edus };
    receiver.seen.push(transaction);
    response.on('finish', () => {
      if (response.statusCode === 200) receiver.taken.push(transaction);
      for (const look of [...waiting]) look();
    });
    if (receiver.answer === undefined) sendJson(response, { pdus: {} });
    else receiver.answer(transaction, response, request);
    for (const look of [...waiting]) look();
  };
  return receiver;
}

/** Signs an invite of its user, as the specification wants it. */
async function agreeToInvite(receiver: Receiver, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const invite = JSON.parse((await readBody(request)).toString()) as { event: Pdu; room_version: string };
  const version = roomVersion(invite.room_version);
  const key = receiver.keys.current[0];
  if (version === undefined || key === undefined) throw new Error('The invite cannot be signed.');
  sendJson(response, { event: cosignEvent(invite.event, version, receiver.serverName, key) });
}

export interface Process extends RoomsAndSync {
  readonly federation: Federation;
  readonly sender: FederationSender;
  /** Objects that were logged as errors. */
  readonly alarms: unknown[];
  stop(): Promise<void>;
}

/** The rooms and the sender of a process; several of them on one database are one homeserver. */
export async function startProcess(url: string, clock: Clock = systemClock): Promise<Process> {
  const db = openDatabase({ connection: url, poolSize: 6 });
  const config = await loadConfig({}, { PARLEY_SERVER_NAME: SERVER });
  const federation = await testFederation(db, { serverName: SERVER, clock });
  const onError = () => {};
  const rooms = await openRooms({ config, db, clock, rateLimits: noRateLimits, onError }, federation);
  const alarms: unknown[] = [];
  const quiet = () => {};
  const logger: Logger = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (values: unknown) => void alarms.push(values),
    fatal: quiet,
    child: () => logger,
  };
  const { client, backoff } = federation;
  const { follower } = rooms.parts;
  const sender = new FederationSender({
    db,
    serverName: SERVER,
    follower,
    typing: rooms.typing,
    presence: rooms.presence,
    client,
    backoff,
    clock,
    random: () => 0,
    logger,
  });
  await sender.start();
  let isRunning = true;
  const stop = async () => {
    if (!isRunning) return;
    isRunning = false;
    await sender.stop();
    await rooms.stop();
    await db.close();
  };
  onTestFinished(stop);
  return { ...rooms, federation, sender, alarms, stop };
}

export async function publicRoom({ parts }: Process): Promise<RoomId> {
  return await createRoom(parts, { userId: ALICE, deviceId: 'A' }, { preset: 'public_chat' });
}

let messages = 0;

export async function say({ parts }: Process, roomId: RoomId, ...bodies: string[]): Promise<EventId[]> {
  const sent: EventId[] = [];
  for (const body of bodies) {
    const message = { type: 'm.room.message', content: { msgtype: 'm.text', body }, txnId: `t${messages++}` };
    sent.push(await sendMessage(parts, { userId: ALICE, deviceId: 'A' }, roomId, message));
  }
  return sent;
}

interface HeadRow {
  nid: number;
  version: string;
  depth: number;
  prev: EventId[];
}

/** An event of the receiver's user on top of the room, built and signed as that server would and received from it. */
export async function receiveFrom(
  { parts }: Process,
  receiver: Receiver,
  roomId: RoomId,
  event: { type: string; stateKey?: string; content: JsonObject },
): Promise<void> {
  const [room] = await parts.db.query<HeadRow>(
    `SELECT r.nid, r.version, r.depth, array(SELECT event_id FROM events WHERE nid = ANY (r.extremities)) AS prev
     FROM rooms r WHERE r.room_id = $1`,
    [roomId],
  );
  const version = roomVersion(room?.version ?? '');
  const key = receiver.keys.current[0];
  if (room === undefined || version === undefined || key === undefined) throw new Error('There is no such room.');
  const { type, stateKey, content } = event;
  const fields = { type, sender: receiver.user, content, ...(stateKey === undefined ? {} : { state_key: stateKey }) };
  const auth = await parts.db.query<{ event_id: EventId }>(
    `SELECT e.event_id FROM current_state c JOIN state_keys k ON k.nid = c.state_key_nid JOIN events e ON e.nid = c.event_nid
     WHERE c.room_nid = $1 AND k.type || E'\\x1f' || k.state_key = ANY ($2::text[])`,
    [room.nid, authEventKeys(fields, version).map((wanted) => wanted.replace('\0', '\x1f'))],
  );
  const template = {
    ...fields,
    room_id: roomId,
    depth: room.depth + 1,
    origin_server_ts: Date.now(),
    prev_events: room.prev,
    auth_events: auth.map((row) => row.event_id),
  };
  const { pdu } = hashAndSignEvent(template, version, receiver.serverName, key);
  const [result] = await receivePdus(
    parts,
    newReceiving(parts.clock),
    receiver.serverName,
    [pdu],
    AbortSignal.timeout(60_000),
  );
  if (result?.error !== undefined) throw new Error(`The event was refused: ${result.error}`);
}

export async function joinFrom(process: Process, receiver: Receiver, roomId: RoomId): Promise<void> {
  const content = { membership: 'join' };
  await receiveFrom(process, receiver, roomId, { type: 'm.room.member', stateKey: receiver.user, content });
}

/** Log position up to which everything has been delivered to the receiver. */
export async function sentPosition(db: Database, receiver: Receiver): Promise<number> {
  const sql = 'SELECT sent_position FROM destinations WHERE server_name = $1';
  return (await db.query<{ sent_position: number }>(sql, [receiver.serverName]))[0]?.sent_position ?? 0;
}
