import { setTimeout as delay } from 'node:timers/promises';
import { expectOk, type MatrixClient, type RoomEvent } from '../torture/matrix-client.ts';
import { send } from './sends.ts';

interface SyncBody {
  readonly next_batch: string;
  readonly rooms?: { readonly join?: Record<string, { readonly timeline: { readonly events: readonly RoomEvent[] } }> };
}

const SETTLE_MS = 5000;

async function sync(client: MatrixClient, since: string | undefined): Promise<SyncBody> {
  const query = since === undefined ? 'timeout=0' : `timeout=2000&since=${encodeURIComponent(since)}`;
  return (await expectOk(client.call('GET', `/_matrix/client/v3/sync?${query}`))) as unknown as SyncBody;
}

/** Follows one client's sync and reports the text of each message when it arrives. */
async function listen(client: MatrixClient, isOver: () => boolean, onText: (text: string) => void): Promise<void> {
  let { next_batch: since } = await sync(client, undefined);
  while (!isOver()) {
    const body = await sync(client, since);
    for (const room of Object.values(body.rooms?.join ?? {}))
      for (const event of room.timeline.events) onText(String(event.content.body));
    since = body.next_batch;
  }
}

/**
 * Milliseconds from handing a message to the server to seeing it in another client's `/sync`, for each message and each of
 * the readers, while senders together send at a steady rate. Reader n is in room n only.
 */
export async function measureLatency(options: {
  readonly senders: readonly MatrixClient[];
  readonly readers: readonly MatrixClient[];
  readonly rooms: readonly string[];
  readonly perSecond: number;
  readonly ms: number;
}): Promise<number[]> {
  const { senders, readers, rooms, perSecond, ms } = options;
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  let isOver = false;
  const listening = readers.map((reader) =>
    listen(
      reader,
      () => isOver,
      (text) => {
        const sent = sentAt.get(text);
        if (sent !== undefined) latencies.push(performance.now() - sent);
      },
    ),
  );
  await delay(1000);

  const intervalMs = (1000 * senders.length) / perSecond;
  const end = performance.now() + ms;
  await Promise.all(
    senders.map(async (sender, index) => {
      let next = performance.now() + (index * intervalMs) / senders.length;
      for (let n = 0; next < end; n++, next += intervalMs) {
        await delay(Math.max(0, next - performance.now()));
        const text = `latency ${index} ${n}`;
        sentAt.set(text, performance.now());
        await send(sender, rooms[(index + n) % rooms.length] ?? '', text);
      }
    }),
  );
  const deadline = performance.now() + SETTLE_MS;
  while (latencies.length < sentAt.size && performance.now() < deadline) await delay(20);
  isOver = true;
  await Promise.all(listening);
  if (latencies.length < sentAt.size) throw new Error(`${sentAt.size - latencies.length} messages did not arrive`);
  return latencies;
}
