import { LruCache } from '../base/lru-cache.ts';
import type { UserId } from '../protocol/event.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { notificationPowerLevel, powerLevelsOf, userPowerLevel } from '../protocol/power-levels.ts';
import {
  type CompiledPushRules,
  compilePushRules,
  evaluatePushRules,
  type PushContext,
  preparePushEvent,
} from '../protocol/push-rule-evaluation.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import { stateEventAt } from '../rooms/state-at.ts';
import { type StoredEvent, timelineBackwards } from '../storage/events.ts';
import { memberCounts, membershipOf } from '../storage/memberships.ts';
import { type Receipt, receiptsOfUser } from '../storage/receipts.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import type { JoinedRoom } from './joined-rooms.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

interface Count {
  notifications: number;
  highlights: number;
}

/** What has been counted of a room for a user, up to a position. */
interface Counted {
  /** Receipts that the count starts from, as text: other receipts make it worthless. */
  readonly basis: string;
  upTo: number;
  readonly threads: Map<string, Count>;
}

/** Unread events looked at when a room is counted from scratch; older ones no longer change a badge that shows "99+". */
const MAX_EVENTS = 1_000;
const MAIN = 'main';

// Derived from immutable events and from receipts that are part of the key, so a stale entry cannot be used.
const counted = new LruCache<string, Counted>(20_000);

/**
 * `unread_notifications` and `unread_thread_notifications` of each room, by the user's push rules over what came after their
 * receipts and their own last message. Counted when somebody looks, never when somebody sends; goes on from the last count.
 */
export async function unreadCounts(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
): Promise<Map<number, JsonObject>> {
  const found = new Map<number, JsonObject>();
  if (rooms.length === 0) return found;
  const { userId } = sync.viewer;
  const nids = rooms.map(({ room }) => room.roomNid);
  const [rules, receipts, counts] = await Promise.all([
    parts.pushRules(userId),
    receiptsOfUser(parts.rooms.db, nids, userId),
    memberCounts(parts.rooms.db, nids),
  ]);
  const compiled = compilePushRules(rules, userId);
  const byThread = sync.query.filter.room.timeline.unreadThreadNotifications;
  for (const { room } of rooms) {
    const own = receipts.filter((receipt) => receipt.roomNid === room.roomNid);
    const state = await countRoom(parts, sync, room, own, compiled, JSON.stringify(rules), counts.get(room.roomNid));
    found.set(room.roomNid, shown(state, byThread));
  }
  return found;
}

function shown(state: Counted, byThread: boolean): JsonObject {
  const body = (count: Count) => ({
    notification_count: count.notifications,
    highlight_count: count.highlights,
  });
  const main: Count = { notifications: 0, highlights: 0 };
  const threads: JsonObject = Object.create(null);
  for (const [thread, count] of state.threads) {
    if (byThread && thread !== MAIN) {
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

async function countRoom(
  parts: SyncParts,
  sync: SyncRound,
  room: SyncRoom,
  receipts: readonly Receipt[],
  rules: CompiledPushRules,
  rulesText: string,
  members: { joined: number } | undefined,
): Promise<Counted> {
  const { userId } = sync.viewer;
  const read = readPositions(receipts);
  const key = `${userId} ${room.roomNid}`;
  const basis = JSON.stringify([[...read], rulesText]);
  const known = counted.get(key);
  const state: Counted =
    known?.basis === basis && known.upTo <= sync.until
      ? { basis, upTo: known.upTo, threads: new Map([...known.threads].map(([id, count]) => [id, { ...count }])) }
      : { basis, upTo: Math.max(0, Math.min(read.get('') ?? 0, sync.until)), threads: new Map() };
  const after = state.upTo;
  if (room.lastPosition > after) {
    const span = { after, upTo: sync.until, limit: MAX_EVENTS };
    const events = (await timelineBackwards(parts.rooms.db, room.roomNid, span)).reverse();
    const context = await pushContext(parts, room, userId, members?.joined ?? 0);
    const joinedAt = membershipAt(parts, userId);
    for (const event of events) {
      // What came before the user joined is not news to them.
      if (await joinedAt(event)) countEvent(state, event, room, userId, read, rules, context);
    }
  }
  state.upTo = sync.until;
  counted.set(key, state);
  return state;
}

/** Whether the user was in the room at an event. Most events share their state, so each is looked up once. */
function membershipAt(parts: SyncParts, userId: UserId): (event: StoredEvent) => Promise<boolean> {
  const known = new Map<number, boolean>();
  return async ({ stateAfter }) => {
    if (stateAfter === null) return false;
    const cached = known.get(stateAfter);
    if (cached !== undefined) return cached;
    const member = await stateEventAt(parts.rooms, stateAfter, 'm.room.member', userId);
    const joined = member?.pdu.content.membership === 'join';
    known.set(stateAfter, joined);
    return joined;
  };
}

/** Up to which position each thread has been read; '' stands for everything. */
function readPositions(receipts: readonly Receipt[]): Map<string, number> {
  const read = new Map<string, number>();
  for (const receipt of receipts)
    read.set(receipt.threadId, Math.max(read.get(receipt.threadId) ?? 0, receipt.eventPosition ?? 0));
  return read;
}

function threadOf(event: StoredEvent): string {
  const relation = event.pdu.content['m.relates_to'];
  if (isJsonObject(relation) && relation.rel_type === 'm.thread' && typeof relation.event_id === 'string')
    return relation.event_id;
  return MAIN;
}

function countEvent(
  state: Counted,
  event: StoredEvent,
  room: SyncRoom,
  userId: UserId,
  read: ReadonlyMap<string, number>,
  rules: CompiledPushRules,
  contextOf: (event: StoredEvent) => PushContext,
): void {
  const thread = threadOf(event);
  // Whoever writes in a thread has read it up to there.
  if (event.sender === userId && event.stateKeyNid === null) {
    state.threads.delete(thread);
    return;
  }
  if (event.sender === userId || (event.position ?? 0) <= (read.get(thread) ?? 0) || event.redactedBy !== null) return;
  const prepared = preparePushEvent({ ...event.pdu, room_id: room.roomId, event_id: event.eventId });
  const verdict = evaluatePushRules(rules, prepared, contextOf(event));
  if (!verdict.notify) return;
  const count = state.threads.get(thread) ?? { notifications: 0, highlights: 0 };
  count.notifications += 1;
  if (verdict.highlight) count.highlights += 1;
  state.threads.set(thread, count);
}

async function pushContext(
  parts: SyncParts,
  room: SyncRoom,
  userId: UserId,
  memberCount: number,
): Promise<(event: StoredEvent) => PushContext> {
  const member = await membershipOf(parts.rooms.db, room.roomNid, userId);
  const version = roomVersion(room.version);
  const at = async (type: string) =>
    room.currentState === null ? undefined : (await stateEventAt(parts.rooms, room.currentState, type, ''))?.pdu;
  const [create, levels] = await Promise.all([at('m.room.create'), at('m.room.power_levels')]);
  const powers = version === undefined || create === undefined ? undefined : powerLevelsOf(version, create, levels);
  return (event) => ({
    memberCount,
    displayName: member?.displayName ?? undefined,
    senderMayNotify: (key) =>
      powers !== undefined && userPowerLevel(powers, event.sender) >= notificationPowerLevel(powers, key),
  });
}
