import type { RoomId } from '../protocol/event.ts';
import { filterLimit, roomEventPasses } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import { clientEvents, clientState } from '../rooms/client-event.ts';
import { withoutRoomId } from '../rooms/plain-client-event.ts';
import { timelineToken } from '../rooms/timeline-token.ts';
import { visibleEvents } from '../rooms/visibility.ts';
import { eventsByNid, latestOfRooms, type StoredEvent } from '../storage/events.ts';
import { snapshotDifference } from '../storage/state-snapshots.ts';
import { roomStatesAt, type SyncRoom } from '../storage/sync-overview.ts';
import { roomAccountData } from './account-data-section.ts';
import type { SyncRound } from './sync.ts';
import type { AccountDataEvent, SyncParts } from './sync-parts.ts';

/**
 * `rooms.leave`: rooms that the user left, was removed or banned from, or whose invite came to an end, since the last sync;
 * on an initial sync all of them if the filter asks for it. Nothing after the user's leaving is shown.
 *
 * @param rooms those of them that the overview of this round has
 */
export async function leftRooms(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly SyncRoom[],
  accountData: ReadonlyMap<RoomId, readonly AccountDataEvent[]>,
): Promise<JsonObject> {
  const section: JsonObject = {};
  for (const room of rooms) {
    const wasIn = room.leftPosition !== null && room.leftPosition > sync.since;
    section[room.roomId] = wasIn ? await leftRoom(parts, sync, room, accountData) : await declined(parts, sync, room);
  }
  return section;
}

/** A room that the user was never in, or had left before: only the membership that ended. */
async function declined(parts: SyncParts, sync: SyncRound, room: SyncRoom): Promise<JsonObject> {
  const events = await eventsByNid(parts.rooms.db, [room.eventNid]);
  return {
    timeline: {
      events: (await clientEvents(parts.rooms, sync.viewer, events)).map(withoutRoomId),
      limited: false,
      prev_batch: timelineToken(room.position),
    },
    state: { events: [] },
    account_data: { events: [] },
  };
}

async function leftRoom(
  parts: SyncParts,
  sync: SyncRound,
  room: SyncRoom,
  accountData: ReadonlyMap<RoomId, readonly AccountDataEvent[]>,
): Promise<JsonObject> {
  const { db, snapshots } = parts.rooms;
  const { filter, stateAfter } = sync.query;
  const limit = filterLimit(filter.room.timeline, 20, 100);
  const span = [{ roomNid: room.roomNid, after: sync.initial ? null : sync.since }];
  const newest = (await latestOfRooms(db, span, room.leftPosition ?? 0, limit + 1)).get(room.roomNid) ?? [];
  const before = newest[limit];
  const rows = newest.slice(0, limit).reverse();
  const reader = { userId: sync.viewer.userId, membership: room.membership, leftPosition: room.leftPosition };
  const timeline = await visibleEvents(parts.rooms, reader, rows);
  const since = sync.initial ? undefined : (await roomStatesAt(db, [room.roomNid], sync.since)).get(room.roomNid);
  const from = since === undefined ? undefined : await snapshots.load(since);
  const startId = stateAfter ? rows.at(-1)?.roomState : (before?.roomState ?? since ?? rows[0]?.stateBefore);
  const to = startId == null ? from : await snapshots.load(startId);
  const nids = [...snapshotDifference(from, to).values()].filter((nid) => nid !== 0);
  const state = (await eventsByNid(db, nids)).filter((event) =>
    roomEventPasses(filter.room.state, room.roomId, event.pdu),
  );
  const passes = (event: StoredEvent) => roomEventPasses(filter.room.timeline, room.roomId, event.pdu);
  const stateEvents = { events: (await clientState(parts.rooms, sync.viewer, state)).map(withoutRoomId) };
  return {
    timeline: {
      events: (await clientEvents(parts.rooms, sync.viewer, timeline.filter(passes))).map(withoutRoomId),
      limited: before !== undefined,
      prev_batch: timelineToken((rows[0]?.position ?? room.position) - 1),
    },
    ...(stateAfter ? { state_after: stateEvents } : { state: stateEvents }),
    account_data: { events: roomAccountData(sync, room, accountData) },
  };
}
