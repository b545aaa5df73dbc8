import type { RoomId } from '../protocol/event.ts';
import { filterLimit, roomEventPasses } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import { clientEvents, clientState } from '../rooms/client-event.ts';
import { type ClientEvent, withoutRoomId } from '../rooms/plain-client-event.ts';
import { stateEventAt } from '../rooms/state-at.ts';
import { timelineToken } from '../rooms/timeline-token.ts';
import { type Viewpoints, viewpointsOf, visibleFrom } from '../rooms/visibility.ts';
import { latestOfRooms, type StoredEvent } from '../storage/events.ts';
import { roomStatesAt, type SyncRoom } from '../storage/sync-overview.ts';
import { roomAccountData } from './account-data-section.ts';
import { ephemeralEvents } from './ephemeral.ts';
import { roomSummaries } from './room-summaries.ts';
import { resummarized, stateChanges, stateSection } from './state-section.ts';
import type { SyncRound } from './sync.ts';
import type { AccountDataEvent, SyncParts } from './sync-parts.ts';
import { unreadCounts } from './unread-counts.ts';

/** A joined room while its part of the answer is put together. */
export interface JoinedRoom {
  readonly room: SyncRoom;
  /** The client knows nothing of the room yet: initial sync, full state asked for, or joined since. */
  readonly isNew: boolean;
  /** Snapshot of the room's state at `since`; undefined where that does not matter or nothing was there. */
  readonly stateAtSince: number | undefined;
  /** Timeline events of the round, oldest first, that the user may see. */
  readonly timeline: readonly StoredEvent[];
  readonly limited: boolean;
  /** Snapshot of the state before the first of them; null: none. */
  readonly stateAtStart: number | null;
  /** Where the client pages on backwards. */
  readonly prevBatch: number;
}

const DEFAULT_TIMELINE = 20;
const MAX_TIMELINE = 100;

/** `rooms.join`: every joined room in which something is new. */
export async function joinedRooms(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly SyncRoom[],
  accountData: ReadonlyMap<RoomId, readonly AccountDataEvent[]>,
): Promise<JsonObject> {
  const joined = await openRooms(parts, sync, rooms);
  const [ephemeral, changes] = await Promise.all([
    ephemeralEvents(parts, sync, joined),
    stateChanges(parts, sync, joined),
  ]);
  const summaries = await roomSummaries(
    parts.rooms,
    sync.viewer.userId,
    (await resummarized(parts, joined, changes)).map(({ room }) => room.roomNid),
  );
  const states = await stateSection(parts, sync, joined, changes, summaries);
  const changed = joined.filter(
    ({ room, isNew, timeline, limited }) =>
      isNew ||
      limited ||
      timeline.length > 0 ||
      (states.get(room.roomNid)?.length ?? 0) > 0 ||
      (ephemeral.get(room.roomNid)?.events.length ?? 0) > 0 ||
      ephemeral.get(room.roomNid)?.ownReceipt === true ||
      accountData.has(room.roomId),
  );
  const shown = await showEvents(parts, sync, changed, states);
  const unread = await unreadCounts(parts, sync, changed);

  const section: JsonObject = {};
  for (const joinedRoom of changed) {
    const { room, timeline, limited, prevBatch } = joinedRoom;
    const toShow = (events: readonly StoredEvent[]) => events.flatMap((event) => shown.get(event.nid) ?? []);
    const wanted = timeline.filter((event) => inTimeline(sync, room, event));
    const state = { events: toShow(states.get(room.roomNid) ?? []) };
    const summary = summaries.get(room.roomNid)?.shown;
    section[room.roomId] = {
      timeline: { events: toShow(wanted), limited, prev_batch: timelineToken(prevBatch) },
      ...(sync.query.stateAfter ? { state_after: state } : { state }),
      account_data: { events: roomAccountData(sync, room, accountData) },
      ephemeral: { events: ephemeral.get(room.roomNid)?.events ?? [] },
      ...(summary === undefined ? {} : { summary }),
      ...unread.get(room.roomNid),
    };
  }
  return section;
}

function inTimeline(sync: SyncRound, room: SyncRoom, event: StoredEvent): boolean {
  if (event.stateKeyNid === null && sync.ignored.has(event.sender)) return false;
  return roomEventPasses(sync.query.filter.room.timeline, room.roomId, event.pdu);
}

/** All events of the round in the form for clients, in two calls whatever the number of rooms. */
async function showEvents(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
  states: ReadonlyMap<number, readonly StoredEvent[]>,
): Promise<Map<number, ClientEvent>> {
  const timeline = rooms.flatMap((room) => room.timeline.filter((event) => inTimeline(sync, room.room, event)));
  const inTimelines = new Set(timeline.map((event) => event.nid));
  const state = rooms
    .flatMap(({ room }) => states.get(room.roomNid) ?? [])
    .filter((event) => !inTimelines.has(event.nid));
  const shown = new Map<number, ClientEvent>();
  const [timelineShown, stateShown] = await Promise.all([
    clientEvents(parts.rooms, sync.viewer, timeline),
    clientState(parts.rooms, sync.viewer, state),
  ]);
  for (const [index, event] of timelineShown.entries()) shown.set(timeline[index]?.nid ?? 0, withoutRoomId(event));
  for (const [index, event] of stateShown.entries()) shown.set(state[index]?.nid ?? 0, withoutRoomId(event));
  return shown;
}

async function openRooms(parts: SyncParts, sync: SyncRound, rooms: readonly SyncRoom[]): Promise<JoinedRoom[]> {
  const { db } = parts.rooms;
  const limit = filterLimit(sync.query.filter.room.timeline, DEFAULT_TIMELINE, MAX_TIMELINE);
  const touched = rooms.filter((room) => room.lastPosition > sync.since);
  const statesAtSince = sync.initial
    ? new Map<number, number>()
    : await roomStatesAt(
        db,
        touched.map((room) => room.roomNid),
        sync.since,
      );
  const joinedSince = new Set<number>();
  for (const room of touched)
    if (!sync.initial && room.position > sync.since && !(await wasJoined(parts, sync, statesAtSince.get(room.roomNid))))
      joinedSince.add(room.roomNid);
  const isNew = (room: SyncRoom) => sync.initial || joinedSince.has(room.roomNid);
  const timelines = await latestOfRooms(
    db,
    touched.map((room) => ({ roomNid: room.roomNid, after: isNew(room) ? null : sync.since })),
    sync.until,
    limit + 1,
  );
  const viewpoints = await viewpointsOf(parts.rooms, sync.viewer.userId, [...timelines.values()].flat());
  return rooms.map((room) => {
    const known = { isNew: isNew(room), stateAtSince: statesAtSince.get(room.roomNid) };
    return openRoom(sync, room, known, timelines.get(room.roomNid) ?? [], limit, viewpoints);
  });
}

async function wasJoined(parts: SyncParts, sync: SyncRound, snapshotId: number | undefined): Promise<boolean> {
  if (snapshotId === undefined) return false;
  const member = await stateEventAt(parts.rooms, snapshotId, 'm.room.member', sync.viewer.userId);
  return member?.pdu.content.membership === 'join';
}

function openRoom(
  sync: SyncRound,
  room: SyncRoom,
  { isNew, stateAtSince }: { isNew: boolean; stateAtSince: number | undefined },
  newestFirst: readonly StoredEvent[],
  limit: number,
  viewpoints: Viewpoints,
): JoinedRoom {
  const before = newestFirst[limit];
  const rows = newestFirst.slice(0, limit).reverse();
  const reader = { userId: sync.viewer.userId, membership: 'join', leftPosition: room.leftPosition };
  const timeline = visibleFrom(viewpoints, reader, rows);
  const firstAt = timeline[0] === undefined ? rows.length : rows.indexOf(timeline[0]);
  const previous = firstAt > 0 ? rows[firstAt - 1] : before;
  const first = timeline[0] ?? rows[0];
  const stateAtStart =
    timeline.length === 0 ? room.currentState : stateBefore(timeline[0], previous, isNew, stateAtSince);
  return {
    room,
    isNew: isNew || sync.query.fullState,
    stateAtSince,
    timeline,
    limited: before !== undefined || (isNew && !sync.initial),
    stateAtStart,
    prevBatch: first?.position == null ? room.lastPosition : first.position - 1,
  };
}

/** Snapshot of the room's state before the first event of a timeline. */
function stateBefore(
  first: StoredEvent | undefined,
  previous: StoredEvent | undefined,
  isNew: boolean,
  stateAtSince: number | undefined,
): number | null {
  if (previous !== undefined) return previous.roomState;
  return isNew ? (first?.stateBefore ?? null) : (stateAtSince ?? null);
}
