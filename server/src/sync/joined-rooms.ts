import type { RoomId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { clientEvents, clientState } from '../rooms/client-event.ts';
import { type ClientEvent, inSync } from '../rooms/plain-client-event.ts';
import { stateEventAt } from '../rooms/state-at.ts';
import { timelineToken } from '../rooms/timeline-token.ts';
import type { StoredEvent } from '../storage/events.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import { roomAccountData } from './account-data-section.ts';
import { ephemeralEvents } from './ephemeral.ts';
import { roomSummaries } from './room-summaries.ts';
import { resummarized, stateChanges, stateSection } from './state-section.ts';
import type { SyncRound } from './sync.ts';
import type { AccountDataEvent, SyncParts } from './sync-parts.ts';
import { readTimelines, type Timeline } from './timelines.ts';
import { unreadCounts } from './unread-counts.ts';

/** A joined room while its part of the answer is put together. */
export interface JoinedRoom {
  readonly room: SyncRoom;
  /** The client knows nothing of the room yet: initial sync, full state asked for, or joined since. */
  readonly isNew: boolean;
  /** Timeline events of the round, oldest first, that the user may see and the filter lets through. */
  readonly timeline: readonly StoredEvent[];
  /** All events from the first of them on that the user may see. */
  readonly passed: readonly StoredEvent[];
  /** All events of the round, seen or not, newest first; undefined where not all of them were read, or the room is new. */
  readonly all: readonly StoredEvent[] | undefined;
  readonly limited: boolean;
  /** Snapshot of the state before the first of them; null: none. */
  readonly stateAtStart: number | null;
  /** Where the client pages on backwards. */
  readonly prevBatch: number;
}

/** `rooms.join`: every joined room in which something is new that the filter lets through. */
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
    const state = { events: toShow(states.get(room.roomNid) ?? []) };
    const summary = summaries.get(room.roomNid)?.shown;
    section[room.roomId] = {
      timeline: { events: toShow(timeline), limited, prev_batch: timelineToken(prevBatch) },
      ...(sync.query.stateAfter ? { state_after: state } : { state }),
      account_data: { events: roomAccountData(sync, room, accountData) },
      ephemeral: { events: ephemeral.get(room.roomNid)?.events ?? [] },
      ...(summary === undefined ? {} : { summary }),
      ...unread.get(room.roomNid),
    };
  }
  return section;
}

/** All events of the round in the form for clients, in two calls whatever the number of rooms. */
async function showEvents(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
  states: ReadonlyMap<number, readonly StoredEvent[]>,
): Promise<Map<number, ClientEvent>> {
  const timeline = rooms.flatMap((room) => room.timeline);
  const inTimelines = new Set(timeline.map((event) => event.nid));
  const state = rooms
    .flatMap(({ room }) => states.get(room.roomNid) ?? [])
    .filter((event) => !inTimelines.has(event.nid));
  const shown = new Map<number, ClientEvent>();
  const [timelineShown, stateShown] = await Promise.all([
    clientEvents(parts.rooms, sync.viewer, timeline),
    clientState(parts.rooms, sync.viewer, state),
  ]);
  for (const [index, event] of timelineShown.entries())
    shown.set(timeline[index]?.nid ?? 0, inSync(sync.viewer, event));
  for (const [index, event] of stateShown.entries()) shown.set(state[index]?.nid ?? 0, inSync(sync.viewer, event));
  return shown;
}

async function openRooms(parts: SyncParts, sync: SyncRound, rooms: readonly SyncRoom[]): Promise<JoinedRoom[]> {
  const touched = rooms.filter((room) => room.lastPosition > sync.since);
  const joinedSince = new Set<number>();
  for (const room of touched)
    if (!sync.initial && room.position > sync.since && !(await wasJoined(parts, sync, room.stateAtSince)))
      joinedSince.add(room.roomNid);
  const isNew = (room: SyncRoom) => sync.initial || joinedSince.has(room.roomNid);
  const requests = touched.map((room) => ({ room, after: isNew(room) ? null : sync.since }));
  const timelines = await readTimelines(parts, sync, requests, sync.until);
  return rooms.map((room) => openRoom(sync, room, isNew(room), timelines.get(room.roomNid)));
}

async function wasJoined(parts: SyncParts, sync: SyncRound, snapshotId: number | null): Promise<boolean> {
  if (snapshotId === null) return false;
  const member = await stateEventAt(parts.rooms, snapshotId, 'm.room.member', sync.viewer.userId);
  return member?.pdu.content.membership === 'join';
}

function openRoom(sync: SyncRound, room: SyncRoom, isNew: boolean, timeline: Timeline | undefined): JoinedRoom {
  const first = timeline?.events[0];
  return {
    room,
    isNew: isNew || sync.query.fullState,
    timeline: timeline?.events ?? [],
    passed: timeline?.passed ?? [],
    all: isNew ? undefined : timeline?.all,
    limited: timeline?.isCut === true || (isNew && !sync.initial),
    stateAtStart: first === undefined ? room.currentState : stateBefore(first, timeline?.previous, isNew, room),
    prevBatch: first?.position == null ? room.lastPosition : first.position - 1,
  };
}

/** Snapshot of the room's state before the first event of a timeline. */
function stateBefore(
  first: StoredEvent,
  previous: StoredEvent | undefined,
  isNew: boolean,
  { stateAtSince }: SyncRoom,
): number | null {
  if (previous !== undefined) return previous.roomState;
  return isNew ? first.stateBefore : stateAtSince;
}
