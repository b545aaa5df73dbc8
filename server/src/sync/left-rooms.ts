import type { RoomId } from '../protocol/event.ts';
import { roomEventPasses } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import { clientEvents, clientState } from '../rooms/client-event.ts';
import { type ClientEvent, inSync } from '../rooms/plain-client-event.ts';
import { timelineToken } from '../rooms/timeline-token.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import { roomAccountData } from './account-data-section.ts';
import { changesToTell } from './state-section.ts';
import type { SyncRound } from './sync.ts';
import type { AccountDataEvent, SyncParts } from './sync-parts.ts';
import { readTimelines } from './timelines.ts';

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
      events: await shown(parts, sync, events),
      limited: false,
      prev_batch: timelineToken(room.position),
    },
    ...stateOf(sync, []),
    account_data: { events: [] },
  };
}

async function leftRoom(
  parts: SyncParts,
  sync: SyncRound,
  room: SyncRoom,
  accountData: ReadonlyMap<RoomId, readonly AccountDataEvent[]>,
): Promise<JsonObject> {
  const { snapshots } = parts.rooms;
  const { filter, stateAfter } = sync.query;
  const request = { room, after: sync.initial ? null : sync.since };
  const timeline = (await readTimelines(parts, sync, [request], room.leftPosition ?? 0)).get(room.roomNid);
  const first = timeline?.events[0];
  const since = room.stateAtSince;
  const end = timeline?.newest?.roomState ?? since;
  const start = stateAfter || first === undefined ? end : (timeline?.previous?.roomState ?? since ?? first.stateBefore);
  const points = await snapshots.loadAll([since, start, end]);
  const states = { from: points.get(since ?? 0), start: points.get(start ?? 0), end: points.get(end ?? 0) };
  const nids = [...changesToTell(states, timeline?.events ?? []).values()];
  const state = (await eventsByNid(parts.rooms.db, nids)).filter((event) =>
    roomEventPasses(filter.room.state, room.roomId, event.pdu),
  );
  return {
    timeline: {
      events: await shown(parts, sync, timeline?.events ?? []),
      limited: timeline?.isCut === true,
      prev_batch: timelineToken(first?.position == null ? room.position : first.position - 1),
    },
    ...stateOf(sync, await clientState(parts.rooms, sync.viewer, state)),
    account_data: { events: roomAccountData(sync, room, accountData) },
  };
}

async function shown(parts: SyncParts, sync: SyncRound, events: readonly StoredEvent[]): Promise<ClientEvent[]> {
  return (await clientEvents(parts.rooms, sync.viewer, events)).map((event) => inSync(sync.viewer, event));
}

/** Under the key that the client asked for. */
function stateOf(sync: SyncRound, events: readonly ClientEvent[]): JsonObject {
  const state = { events: events.map((event) => inSync(sync.viewer, event)) };
  return sync.query.stateAfter ? { state_after: state } : { state };
}
