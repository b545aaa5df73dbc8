import { setTimeout as delay } from 'node:timers/promises';
import { judgeChat } from './chat-findings.ts';
import { createRooms, registerClients } from './chat-rooms.ts';
import { expectOk, type MatrixClient, type RoomEvent, readRoom } from './matrix-client.ts';
import type { Operation, OperationLog } from './operation-log.ts';
import type { SeededRandom } from './random.ts';
import type { Figure } from './scenario.ts';
import { startSenders } from './senders.ts';
import { startSyncers } from './syncers.ts';

const CLIENTS = 10;
const ROOMS = 5;
const CATCH_UP_MS = 300_000;

/** Ten people who write and ten who read along, in five rooms that all of them are in. */
export interface ChatLoad {
  readonly rooms: readonly string[];
  /** A client that may be asked things while the others are busy. */
  readonly probe: MatrixClient;
  /** Starts nothing new any more. */
  stopSending(): Promise<void>;
  /** Lets everything settle, reads every room whole and judges what happened. */
  finish(settleMs?: number): Promise<{ figures: Figure[]; examples: string[] }>;
}

/** Rooms read whole, and when that was by the clock of the operations. */
export interface Reading {
  readonly rooms: Map<string, RoomEvent[]>;
  readonly readStart: number;
  readonly readEnd: number;
}

function lacks(rooms: ReadonlyMap<string, readonly RoomEvent[]>, operations: readonly Operation[]): boolean {
  const here = new Set([...rooms].flatMap(([room, events]) => events.map(({ content }) => `${room} ${content.body}`)));
  return operations.some(({ op, outcome, key, value }) => {
    return op === 'send' && outcome === 'ok' && !here.has(`${key} ${(value as { text: string }).text}`);
  });
}

/**
 * Reads rooms when nothing is added to them any more. Where messages come from other servers they may still be on their way:
 * the rooms are then read again until everything acknowledged is there or `settleMs` are over.
 */
export async function readRooms(
  client: MatrixClient,
  rooms: readonly string[],
  log: OperationLog,
  settleMs: number,
): Promise<Reading> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const readStart = performance.now();
    const read = await Promise.all(rooms.map(async (room) => [room, await readRoom(client, room)] as const));
    const reading = { rooms: new Map(read), readStart, readEnd: performance.now() };
    if (performance.now() >= deadline || !lacks(reading.rooms, log.operations)) return reading;
    await delay(500);
  }
}

/** Event id of the last event of each room. */
export function lastEvents(rooms: ReadonlyMap<string, readonly RoomEvent[]>): Map<string, string> {
  return new Map([...rooms].map(([room, events]) => [room, events.at(-1)?.event_id ?? '']));
}

export interface ChatOptions {
  /** The processes of one homeserver; the clients are spread over them and move on when one does not answer. */
  readonly urls: readonly string[];
  readonly log: OperationLog;
  readonly random: SeededRandom;
  /** Messages a second that all writers together try to send. */
  readonly perSecond: number;
}

export async function startChat({ urls, log, random, perSecond }: ChatOptions): Promise<ChatLoad> {
  const senders = await registerClients(urls, 'sender', CLIENTS);
  const readers = await registerClients(urls, 'reader', CLIENTS);
  const [probe] = await registerClients(urls, 'probe', 1);
  if (probe === undefined) throw new Error('there must be a probe');
  const rooms = await createRooms([probe, ...senders, ...readers], ROOMS);
  const syncing = startSyncers({ clients: readers, rooms, log });
  const sending = startSenders({ name: 'sender', clients: senders, rooms, log, random, perSecond });
  const started = performance.now();
  let seconds = 0;
  async function stopSending(): Promise<void> {
    await sending.stop();
    if (seconds === 0) seconds = (performance.now() - started) / 1000;
  }
  return {
    rooms,
    probe,
    stopSending,
    async finish(settleMs = 0) {
      await stopSending();
      const reading = await readRooms(probe, rooms, log, settleMs);
      await syncing.finish(lastEvents(reading.rooms), CATCH_UP_MS);
      const { chains, chainsFrom } = syncing;
      const { figures, examples } = judgeChat({ operations: log.operations, ...reading, chains, chainsFrom });
      const acknowledged = sending.acknowledged();
      return {
        examples,
        figures: [
          ...figures,
          { name: 'messages acknowledged', value: acknowledged, unit: 'messages', min: 1 },
          { name: 'acknowledged a second', value: acknowledged / seconds, unit: 'messages/s' },
        ],
      };
    },
  };
}

/** Position of a client in its stream of changes, to sync from later. */
export async function syncToken(client: MatrixClient): Promise<string> {
  const body = await expectOk(client.call('GET', '/_matrix/client/v3/sync?timeout=0'));
  return String(body.next_batch);
}
