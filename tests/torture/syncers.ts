import { setTimeout as delay } from 'node:timers/promises';
import type { MatrixClient, Reply, RoomEvent } from './matrix-client.ts';
import type { OperationLog } from './operation-log.ts';

export interface SyncersOptions {
  readonly clients: readonly MatrixClient[];
  readonly rooms: readonly string[];
  readonly log: OperationLog;
}

export interface Syncers {
  /**
   * When every client had its first answer, by the clock of the operations; 0 before that. A first sync shows only the end of
   * what was written earlier, so only what was sent after this moment must be in every chain.
   */
  readonly chainsFrom: number;
  /** What each client was shown of each room, in order, following its own since tokens and filling limited timelines. */
  readonly chains: readonly ReadonlyMap<string, readonly string[]>[];
  /** Returns when every client has been shown the last event of each room, or the time is up; then stops all of them. */
  finish(last: ReadonlyMap<string, string>, timeoutMs: number): Promise<void>;
}

interface Timeline {
  readonly events: readonly RoomEvent[];
  readonly limited: boolean;
  readonly prev_batch?: string;
}

const LONG_POLL_MS = 5000;
const RETRY_MS = 200;
/** Small, so that clients that were away meet limited timelines and have to fill them. */
const TIMELINE_LIMIT = 20;
const FILTER = JSON.stringify({ room: { timeline: { limit: TIMELINE_LIMIT } }, presence: { not_types: ['*'] } });

function joinedTimelines(reply: Reply): [string, Timeline][] {
  const { rooms } = reply.body as { rooms?: { join?: Record<string, { timeline: Timeline }> } };
  return Object.entries(rooms?.join ?? {}).map(([roomId, { timeline }]) => [roomId, timeline]);
}

/** The events between what a client has and where a limited timeline begins, by walking back from its start. */
async function fillGap(client: MatrixClient, roomId: string, from: string, known: ReadonlySet<string>) {
  const found: string[] = [];
  let token: string | undefined = from;
  while (token !== undefined) {
    const query: URLSearchParams = new URLSearchParams({ dir: 'b', limit: '100', from: token });
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?${query}`;
    const { status, body } = await client.call('GET', path);
    if (status !== 200) throw new Error(`messages answered ${status}`);
    for (const { event_id: eventId } of body.chunk as RoomEvent[]) {
      if (known.has(eventId)) return found.toReversed();
      found.push(eventId);
    }
    token = body.end as string | undefined;
  }
  return found.toReversed();
}

interface Syncer {
  readonly chain: Map<string, string[]>;
  readonly startedAt: number | undefined;
  run(): Promise<void>;
}

function createSyncer(client: MatrixClient, worker: string, log: OperationLog, isStopped: () => boolean): Syncer {
  const chain = new Map<string, string[]>();
  let since: string | undefined;
  let startedAt: number | undefined;

  /** Takes one answer in, whole or, when filling a gap fails, not at all: then the same token is used again. */
  async function accept(reply: Reply): Promise<void> {
    const additions: [string, string[]][] = [];
    for (const [roomId, timeline] of joinedTimelines(reply)) {
      const before = chain.get(roomId) ?? [];
      const isGap = timeline.limited && since !== undefined && before.length > 0 && timeline.prev_batch !== undefined;
      const filled = isGap ? await fillGap(client, roomId, timeline.prev_batch ?? '', new Set(before)) : [];
      additions.push([roomId, [...filled, ...timeline.events.map((event) => event.event_id)]]);
    }
    for (const [roomId, events] of additions) chain.set(roomId, [...(chain.get(roomId) ?? []), ...events]);
    since = String(reply.body.next_batch);
    startedAt ??= performance.now();
  }

  async function syncOnce(): Promise<boolean> {
    const query = new URLSearchParams({
      filter: FILTER,
      timeout: String(since === undefined ? 0 : LONG_POLL_MS),
      ...(since === undefined ? {} : { since }),
    });
    const described = { worker, op: 'sync', key: since ?? '', value: undefined };
    const { outcome } = await log.record(
      described,
      async () => {
        const reply = await client.call('GET', `/_matrix/client/v3/sync?${query}`, undefined, LONG_POLL_MS + 60_000);
        if (reply.status === 200) await accept(reply);
        return reply;
      },
      ({ status, body }) =>
        status === 200
          ? { outcome: 'ok', value: body.next_batch }
          : { outcome: status >= 500 ? 'unknown' : 'fail', reason: `${status} ${String(body.errcode)}` },
    );
    return outcome === 'ok';
  }

  return {
    chain,
    get startedAt() {
      return startedAt;
    },
    async run() {
      while (!isStopped()) {
        if (await syncOnce()) continue;
        client.moveOn();
        await delay(RETRY_MS);
      }
    },
  };
}

/** Starts one long-polling client per account. */
export function startSyncers({ clients, rooms, log }: SyncersOptions): Syncers {
  let isStopped = false;
  const syncers = clients.map((client, index) => createSyncer(client, `syncer ${index}`, log, () => isStopped));
  const running = syncers.map((syncer) => syncer.run());
  return {
    get chainsFrom() {
      const starts = syncers.map((syncer) => syncer.startedAt ?? Number.POSITIVE_INFINITY);
      const last = Math.max(...starts);
      return Number.isFinite(last) ? last : 0;
    },
    chains: syncers.map((syncer) => syncer.chain),
    async finish(last, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      const isCaughtUp = (syncer: Syncer) => rooms.every((room) => syncer.chain.get(room)?.at(-1) === last.get(room));
      while (performance.now() < deadline && !syncers.every(isCaughtUp)) await delay(50);
      isStopped = true;
      await Promise.all(running);
    },
  };
}
