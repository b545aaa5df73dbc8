import type { LruCache } from '../base/lru-cache.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import {
  type CompiledPushRules,
  evaluatePushRules,
  type PushContext,
  preparePushEvent,
} from '../protocol/push-rule-evaluation.ts';
import { MAIN_THREAD, threadOf } from '../rooms/threads.ts';
import { viewpointsOf } from '../rooms/visibility.ts';
import { latestOfRooms, type StoredEvent } from '../storage/events.ts';
import { membershipsIn } from '../storage/memberships.ts';
import { type Receipt, receiptsOfUser } from '../storage/receipts.ts';
import type { JoinedRoom } from './joined-rooms.ts';
import { pushContext, ruledRooms } from './push-contexts.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

interface Count {
  notifications: number;
  highlights: number;
}

/** Up to which position each thread of a room has been read; '' stands for everything. */
export type ReadPositions = ReadonlyMap<string, number>;

/** What has been counted of a room for a user, up to a position. */
interface Counted {
  /** Receipts and settings that the count follows from: with others it is worthless. */
  readonly basis: string;
  readonly read: ReadPositions;
  upTo: number;
  readonly threads: Map<string, Count>;
  /** What the user is called there, in the state of that snapshot. */
  name: { readonly state: number | null; readonly displayName: string | undefined } | undefined;
}

/** What has been counted of each room for each user. Guesses: an entry whose basis no longer fits is not used. */
export type CountedRooms = LruCache<string, Counted>;

/** Unread events looked at when a room is counted from scratch; older ones no longer change a badge that shows "99+". */
const MAX_EVENTS = 1_000;
/** Rooms whose unread events are in memory at the same time. */
const ROOMS_AT_ONCE = 10;

interface Counting extends JoinedRoom {
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
  const { userId } = sync.viewer;
  const read = await readPositions(parts, sync, rooms);
  const counting = rooms.map((joined) => begin(parts, sync, joined, read.get(joined.room.roomNid) ?? new Map()));
  const behind = counting.filter(({ room, state }) => room.lastPosition > state.upTo);
  for (let at = 0; at < behind.length; at += ROOMS_AT_ONCE)
    await countOn(parts, sync, behind.slice(at, at + ROOMS_AT_ONCE));
  const byThread = sync.query.filter.room.timeline.unreadThreadNotifications;
  return new Map(
    counting.map(({ room, state }) => {
      state.upTo = sync.until;
      parts.memory.counted.set(`${userId} ${room.roomNid}`, state);
      return [room.roomNid, shown(state, byThread)];
    }),
  );
}

/** What the user has read of each of the rooms. */
async function readPositions(
  parts: SyncParts,
  { viewer: { userId }, until }: SyncRound,
  rooms: readonly JoinedRoom[],
): Promise<ReadonlyMap<number, ReadPositions>> {
  const { read } = parts.memory;
  const known: ReadonlyMap<number, ReadPositions> = read.get(userId, until) ?? new Map();
  const unknown = rooms.flatMap(({ room }) => (known.has(room.roomNid) ? [] : [room.roomNid]));
  if (unknown.length === 0) return known;
  const receipts = await read.read(
    userId,
    () => receiptsOfUser(parts.rooms.db, unknown, userId),
    (loaded) => new Map([...known, ...byRoom(unknown, loaded)]),
  );
  return new Map([...known, ...byRoom(unknown, receipts)]);
}

function byRoom(roomNids: readonly number[], receipts: readonly Receipt[]): Map<number, ReadPositions> {
  const found = new Map(roomNids.map((nid) => [nid, new Map<string, number>()]));
  for (const { roomNid, threadId, eventPosition } of receipts) {
    const read = found.get(roomNid);
    read?.set(threadId, Math.max(read.get(threadId) ?? 0, eventPosition ?? 0));
  }
  return found;
}

/** Where the counting of a room goes on: from the last count, if all that it follows from is still the same. */
function begin(parts: SyncParts, sync: SyncRound, joined: JoinedRoom, read: ReadPositions): Counting {
  const basis = JSON.stringify([[...read], sync.settings.key]);
  const known = parts.memory.counted.get(`${sync.viewer.userId} ${joined.room.roomNid}`);
  if (known?.basis !== basis || known.upTo > sync.until) {
    const upTo = startOf(read, sync);
    return { ...joined, state: { basis, read, upTo, threads: new Map(), name: known?.name } };
  }
  const threads = new Map([...known.threads].map(([id, count]) => [id, { ...count }]));
  return { ...joined, state: { ...known, threads } };
}

/** What the user has read of all threads is not looked at again. */
function startOf(read: ReadPositions, sync: SyncRound): number {
  return Math.min(read.get('') ?? 0, sync.until);
}

async function countOn(parts: SyncParts, sync: SyncRound, counting: readonly Counting[]): Promise<void> {
  const { userId } = sync.viewer;
  const atHand = new Map(counting.map((one) => [one, eventsAtHand(one)]));
  const spans = counting.filter((one) => atHand.get(one) === undefined).map(spanOf);
  const timelines = await latestOfRooms(parts.rooms.db, spans, sync.until, MAX_EVENTS);
  for (const [{ room }, events] of atHand) if (events !== undefined) timelines.set(room.roomNid, events);
  // What was redacted may have been counted: counted anew, it is not.
  const redacted = counting.filter(
    ({ room, state }) => state.threads.size > 0 && timelines.get(room.roomNid)?.some(isRedaction) === true,
  );
  for (const { state } of redacted) {
    state.threads.clear();
    state.upTo = startOf(state.read, sync);
  }
  for (const [roomNid, events] of await latestOfRooms(parts.rooms.db, redacted.map(spanOf), sync.until, MAX_EVENTS))
    timelines.set(roomNid, events);
  await lookUpNames(parts, userId, counting);
  const ruled = await ruledRooms(
    parts,
    counting.map(({ room }) => room),
  );
  const viewpoints = await viewpointsOf(parts.rooms, userId, [...timelines.values()].flat());
  for (const one of counting) {
    const room = ruled.get(one.room.roomNid);
    for (const event of timelines.get(one.room.roomNid)?.reverse() ?? []) {
      // What came before the user joined is not news to them.
      const isNews = viewpoints(event.stateAfter).membership === 'join';
      if (!isNews || room === undefined) continue;
      if (event.sender === userId) await countOwn(parts, one, event);
      else if (event.stateKeyNid !== null || !sync.settings.ignored.has(event.sender))
        await countEvent(parts, one, event, sync.settings.rules, pushContext(room, one.state.name?.displayName, event));
    }
  }
}

/** What is to be counted of a room, newest first, where the round has read all of it for the timeline. */
function eventsAtHand({ all, room, state }: Counting): StoredEvent[] | undefined {
  if (state.upTo < (room.positionAtSince ?? 0)) return undefined;
  return all?.filter(({ position }) => (position ?? 0) > state.upTo);
}

function spanOf({ room, state }: Counting): { roomNid: number; after: number } {
  return { roomNid: room.roomNid, after: state.upTo };
}

/** Looks up what the user is called in the rooms whose state is another one than when they were counted last. */
async function lookUpNames(parts: SyncParts, userId: UserId, counting: readonly Counting[]): Promise<void> {
  const outdated = counting.filter(({ room, state }) => state.name?.state !== room.currentState);
  if (outdated.length === 0) return;
  const nids = outdated.map(({ room }) => room.roomNid);
  const names = new Map(
    (await membershipsIn(parts.rooms.db, nids, userId)).map((row) => [row.roomNid, row.displayName ?? undefined]),
  );
  for (const { room, state } of outdated)
    state.name = { state: room.currentState, displayName: names.get(room.roomNid) };
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

function isRedaction(event: StoredEvent): boolean {
  return event.pdu.type === 'm.room.redaction';
}

/** Whoever writes in a thread has read it up to there. */
async function countOwn(parts: SyncParts, { state }: Counting, event: StoredEvent): Promise<void> {
  if (event.stateKeyNid === null && state.threads.size > 0) state.threads.delete(await threadOf(parts.rooms, event));
}

async function countEvent(
  parts: SyncParts,
  { state, room }: Counting,
  event: StoredEvent,
  rules: CompiledPushRules,
  context: PushContext,
): Promise<void> {
  if (event.redactedBy !== null) return;
  const prepared = preparePushEvent({ ...event.pdu, room_id: room.roomId, event_id: event.eventId });
  const verdict = evaluatePushRules(rules, prepared, context);
  if (!verdict.notify) return;
  const thread = await threadOf(parts.rooms, event);
  if ((event.position ?? 0) <= (state.read.get(thread) ?? 0)) return;
  const count = state.threads.get(thread) ?? { notifications: 0, highlights: 0 };
  count.notifications += 1;
  if (verdict.highlight) count.highlights += 1;
  state.threads.set(thread, count);
}
