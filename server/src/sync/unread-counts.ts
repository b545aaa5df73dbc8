import { createHash } from 'node:crypto';
import { LruCache } from '../base/lru-cache.ts';
import type { JsonObject } from '../protocol/json.ts';
import {
  type CompiledPushRules,
  compilePushRules,
  evaluatePushRules,
  type PushContext,
  preparePushEvent,
} from '../protocol/push-rule-evaluation.ts';
import { MAIN_THREAD, threadOf } from '../rooms/threads.ts';
import { viewpointsOf } from '../rooms/visibility.ts';
import { latestOfRooms, type StoredEvent } from '../storage/events.ts';
import { type Receipt, receiptsOfUser } from '../storage/receipts.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import type { JoinedRoom } from './joined-rooms.ts';
import { pushContexts } from './push-contexts.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

interface Count {
  notifications: number;
  highlights: number;
}

/** What has been counted of a room for a user, up to a position. */
interface Counted {
  /** Receipts, rules and ignored users that the count follows from: with others it is worthless. */
  readonly basis: string;
  upTo: number;
  readonly threads: Map<string, Count>;
}

/** What has been counted of each room for each user. Guesses: an entry whose basis no longer fits is not used. */
export type CountedRooms = LruCache<string, Counted>;

/** Unread events looked at when a room is counted from scratch; older ones no longer change a badge that shows "99+". */
const MAX_EVENTS = 1_000;
/** Rooms whose unread events are in memory at the same time. */
const ROOMS_AT_ONCE = 10;
const REMEMBERED_ROOMS = 20_000;

export function openCountedRooms(): CountedRooms {
  return new LruCache(REMEMBERED_ROOMS);
}

interface Counting {
  readonly room: SyncRoom;
  readonly read: ReadonlyMap<string, number>;
  readonly state: Counted;
}

/**
 * `unread_notifications` and `unread_thread_notifications` of each room, by the user's push rules over what came after their
 * receipts and their own last message. Counted when somebody looks, never when somebody sends; goes on from the last count.
 */
export async function unreadCounts(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
): Promise<Map<number, JsonObject>> {
  if (rooms.length === 0) return new Map();
  const { db } = parts.rooms;
  const { userId } = sync.viewer;
  const nids = rooms.map(({ room }) => room.roomNid);
  const [rules, receipts] = await Promise.all([parts.pushRules(userId), receiptsOfUser(db, nids, userId)]);
  const basis = JSON.stringify([rules, [...sync.ignored].sort()]);
  const compiled = compilePushRules(rules, userId);
  const key = createHash('sha256').update(basis).digest('base64url');
  const receiptsOf = Map.groupBy(receipts, (receipt) => receipt.roomNid);
  const counting = rooms.map(({ room }) => begin(parts, sync, room, receiptsOf.get(room.roomNid) ?? [], key));
  const behind = counting.filter(({ room, state }) => room.lastPosition > state.upTo);
  for (let at = 0; at < behind.length; at += ROOMS_AT_ONCE)
    await countOn(parts, sync, behind.slice(at, at + ROOMS_AT_ONCE), compiled);
  const byThread = sync.query.filter.room.timeline.unreadThreadNotifications;
  return new Map(
    counting.map(({ room, state }) => {
      state.upTo = sync.until;
      parts.counted.set(`${userId} ${room.roomNid}`, state);
      return [room.roomNid, shown(state, byThread)];
    }),
  );
}

/** Where the counting of a room goes on: from the last count, if all that it follows from is still the same. */
function begin(parts: SyncParts, sync: SyncRound, room: SyncRoom, receipts: readonly Receipt[], key: string): Counting {
  const read = readPositions(receipts);
  const basis = JSON.stringify([[...read], key]);
  const known = parts.counted.get(`${sync.viewer.userId} ${room.roomNid}`);
  if (known?.basis !== basis || known.upTo > sync.until)
    return { room, read, state: { basis, upTo: startOf(read, sync), threads: new Map() } };
  const threads = new Map([...known.threads].map(([id, count]) => [id, { ...count }]));
  return { room, read, state: { basis, upTo: known.upTo, threads } };
}

/** What the user has read of all threads is not looked at again. */
function startOf(read: ReadonlyMap<string, number>, sync: SyncRound): number {
  return Math.min(read.get('') ?? 0, sync.until);
}

async function countOn(
  parts: SyncParts,
  sync: SyncRound,
  counting: readonly Counting[],
  rules: CompiledPushRules,
): Promise<void> {
  const { userId } = sync.viewer;
  const spans = counting.map(({ room, state }) => ({ roomNid: room.roomNid, after: state.upTo }));
  const timelines = await latestOfRooms(parts.rooms.db, spans, sync.until, MAX_EVENTS);
  // What was redacted may have been counted: counted anew, it is not.
  const redacted = counting.filter(
    ({ room, state }) => state.threads.size > 0 && timelines.get(room.roomNid)?.some(isRedaction) === true,
  );
  for (const { read, state } of redacted) {
    state.threads.clear();
    state.upTo = startOf(read, sync);
  }
  const again = redacted.map(({ room, state }) => ({ roomNid: room.roomNid, after: state.upTo }));
  for (const [roomNid, events] of await latestOfRooms(parts.rooms.db, again, sync.until, MAX_EVENTS))
    timelines.set(roomNid, events);
  const contexts = await pushContexts(
    parts.rooms,
    userId,
    counting.map(({ room }) => room),
  );
  const viewpoints = await viewpointsOf(parts.rooms, userId, [...timelines.values()].flat());
  for (const one of counting) {
    const contextOf = contexts.get(one.room.roomNid);
    for (const event of timelines.get(one.room.roomNid)?.reverse() ?? []) {
      // What came before the user joined is not news to them.
      const isNews = viewpoints(event.stateAfter).membership === 'join';
      if (!isNews || contextOf === undefined) continue;
      if (event.sender === userId) await countOwn(parts, one, event);
      else if (event.stateKeyNid !== null || !sync.ignored.has(event.sender))
        await countEvent(parts, one, event, rules, contextOf(event));
    }
  }
}

function shown(state: Counted, byThread: boolean): JsonObject {
  const body = (count: Count) => ({
    notification_count: count.notifications,
    highlight_count: count.highlights,
  });
  const main: Count = { notifications: 0, highlights: 0 };
  const threads: JsonObject = Object.create(null);
  for (const [thread, count] of state.threads) {
    if (byThread && thread !== MAIN_THREAD) {
      if (count.notifications > 0 || count.highlights > 0) threads[thread] = body(count);
      continue;
    }
    main.notifications += count.notifications;
    main.highlights += count.highlights;
  }
  return {
    unread_notifications: body(main),
    ...(byThread ? { unread_thread_notifications: threads } : {}),
  };
}

/** Up to which position each thread has been read; '' stands for everything. */
function readPositions(receipts: readonly Receipt[]): Map<string, number> {
  const read = new Map<string, number>();
  for (const receipt of receipts)
    read.set(receipt.threadId, Math.max(read.get(receipt.threadId) ?? 0, receipt.eventPosition ?? 0));
  return read;
}

function isRedaction(event: StoredEvent): boolean {
  return event.pdu.type === 'm.room.redaction';
}

/** Whoever writes in a thread has read it up to there. */
async function countOwn(parts: SyncParts, { state }: Counting, event: StoredEvent): Promise<void> {
  if (event.stateKeyNid === null && state.threads.size > 0) state.threads.delete(await threadOf(parts.rooms, event));
}

async function countEvent(
  parts: SyncParts,
  { state, room, read }: Counting,
  event: StoredEvent,
  rules: CompiledPushRules,
  context: PushContext,
): Promise<void> {
  if (event.redactedBy !== null) return;
  const prepared = preparePushEvent({ ...event.pdu, room_id: room.roomId, event_id: event.eventId });
  const verdict = evaluatePushRules(rules, prepared, context);
  if (!verdict.notify) return;
  const thread = await threadOf(parts.rooms, event);
  if ((event.position ?? 0) <= (read.get(thread) ?? 0)) return;
  const count = state.threads.get(thread) ?? { notifications: 0, highlights: 0 };
  count.notifications += 1;
  if (verdict.highlight) count.highlights += 1;
  state.threads.set(thread, count);
}
