import { type ChatRecord, judgeChat } from './chat-findings.ts';
import { createRooms, registerClients } from './chat-rooms.ts';
import { expectOk, type MatrixClient, type RoomEvent, readRoom } from './matrix-client.ts';
import type { OperationLog } from './operation-log.ts';
import type { SeededRandom } from './random.ts';
import type { Figure } from './scenario.ts';
import { startSenders } from './senders.ts';
import { startSyncers } from './syncers.ts';

const CLIENTS = 10;
const ROOMS = 5;
const PER_SECOND = 150;
const CATCH_UP_MS = 60_000;

/** Ten people who write and ten who read along, in five rooms that all of them are in. */
export interface ChatLoad {
  readonly rooms: readonly string[];
  /** A client that may be asked things while the others are busy. */
  readonly probe: MatrixClient;
  /** Lets everything settle, reads every room whole and judges what happened. */
  finish(): Promise<{ figures: Figure[]; examples: string[]; record: ChatRecord }>;
}

/** Reads rooms when nothing is added to them any more. */
export async function readRooms(client: MatrixClient, rooms: readonly string[]): Promise<Map<string, RoomEvent[]>> {
  return new Map(await Promise.all(rooms.map(async (room) => [room, await readRoom(client, room)] as const)));
}

/** Event id of the last event of each room. */
export function lastEvents(rooms: ReadonlyMap<string, readonly RoomEvent[]>): Map<string, string> {
  return new Map([...rooms].map(([room, events]) => [room, events.at(-1)?.event_id ?? '']));
}

/** @param urls the processes of one homeserver; the clients are spread over them and move on when one does not answer */
export async function startChat(urls: readonly string[], log: OperationLog, random: SeededRandom): Promise<ChatLoad> {
  const senders = await registerClients(urls, 'sender', CLIENTS);
  const readers = await registerClients(urls, 'reader', CLIENTS);
  const [probe] = await registerClients(urls, 'probe', 1);
  if (probe === undefined) throw new Error('there must be a probe');
  const rooms = await createRooms([probe, ...senders, ...readers], ROOMS);
  const syncing = startSyncers({ clients: readers, rooms, log });
  const sending = startSenders({ clients: senders, rooms, log, random, perSecond: PER_SECOND });
  const started = performance.now();
  return {
    rooms,
    probe,
    async finish() {
      await sending.stop();
      const seconds = (performance.now() - started) / 1000;
      const readStart = performance.now();
      const contents = await readRooms(probe, rooms);
      const readEnd = performance.now();
      await syncing.finish(lastEvents(contents), CATCH_UP_MS);
      const { operations } = log;
      const record = { operations, rooms: contents, readStart, readEnd, chains: syncing.chains };
      const { figures, examples } = judgeChat(record);
      const acknowledged = sending.acknowledged();
      return {
        record,
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
