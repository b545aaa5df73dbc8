import { forbidden, type MatrixError, notFound } from '../protocol/errors.ts';
import { type EventId, type StateKey, stateKey, type UserId } from '../protocol/event.ts';
import type { RoomEventFilter } from '../protocol/filter.ts';
import { eventInRoom, eventsByNid, type StoredEvent, timelineBackwards, timelineForwards } from '../storage/events.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { roomHead } from '../storage/rooms.ts';
import { type Snapshot, snapshotEntries, snapshotGet } from '../storage/state-snapshots.ts';
import { type BackfillOutcome, backfillBefore } from './backfill.ts';
import { clientEvents, clientState } from './client-event.ts';
import { filterEvents } from './filter-events.ts';
import type { ClientEvent, Viewer } from './plain-client-event.ts';
import type { RoomParts } from './room-parts.ts';
import { type Reader, readerOf, visibleEvents } from './visibility.ts';

/** A room opened for reading by one user, with the state that they may see. */
export interface ReadableRoom {
  readonly room: RoomRow;
  readonly reader: Reader;
  /** The current state, or that of the moment at which the user left. */
  readonly state: Snapshot;
  /** Position of the room's newest event. */
  readonly newest: number;
}

/**
 * Opens a room for somebody who reads it: its members, those who left it, and anyone if its history is world-readable.
 *
 * @throws MatrixError M_FORBIDDEN, the same for rooms that do not exist
 */
export async function openForReading(parts: RoomParts, roomId: string, userId: UserId): Promise<ReadableRoom> {
  const refusal = forbidden('You are not in this room.');
  const room = await parts.rooms.byId(roomId);
  if (room === undefined) throw refusal;
  const reader = await readerOf(parts, room.nid, userId);
  const head = await roomHead(parts.db, room.nid);
  if (head?.currentState == null) throw refusal;
  const current = await parts.snapshots.load(head.currentState);
  const opened = { room, reader, state: current, newest: head.lastPosition };
  if (reader.membership === 'join') return opened;
  if (reader.leftPosition !== null && reader.membership !== undefined) {
    const [last] = await timelineBackwards(parts.db, room.nid, { after: null, upTo: reader.leftPosition, limit: 1 });
    if (last?.roomState != null) return { ...opened, state: await parts.snapshots.load(last.roomState) };
  }
  const visibility = await stateEventOf(parts, current, stateKey('m.room.history_visibility', ''));
  if (visibility?.pdu.content.history_visibility === 'world_readable') return opened;
  throw refusal;
}

async function stateEventOf(parts: RoomParts, state: Snapshot, key: StateKey): Promise<StoredEvent | undefined> {
  const keyNid = (await parts.stateKeys.find([key])).get(key);
  const nid = keyNid === undefined ? undefined : snapshotGet(state, keyNid);
  // From the row: it may have been redacted.
  return nid === undefined ? undefined : (await eventsByNid(parts.db, [nid]))[0];
}

/** `GET /rooms/{roomId}/state/{eventType}/{stateKey}`. @throws MatrixError M_FORBIDDEN, M_NOT_FOUND */
export async function readStateEvent(
  parts: RoomParts,
  viewer: Viewer,
  roomId: string,
  key: { type: string; stateKey: string },
): Promise<ClientEvent> {
  const { state } = await openForReading(parts, roomId, viewer.userId);
  const event = await stateEventOf(parts, state, stateKey(key.type, key.stateKey));
  if (event === undefined) throw notFound('The room has no such state.');
  const [shown] = await clientEvents(parts, viewer, [event]);
  if (shown === undefined) throw notFound('The room has no such state.');
  return shown;
}

/** `GET /rooms/{roomId}/state`: all state events. @throws MatrixError M_FORBIDDEN */
export async function readState(parts: RoomParts, viewer: Viewer, roomId: string): Promise<ClientEvent[]> {
  const { state } = await openForReading(parts, roomId, viewer.userId);
  const events = await eventsByNid(parts.db, [...snapshotEntries(state).values()]);
  return await clientState(parts, viewer, events);
}

export interface MemberQuery {
  /** Those of this membership. With `notMembership` too, those who meet either. */
  readonly membership?: string;
  readonly notMembership?: string;
  /** Timeline position at which to look; now where left out. */
  readonly at?: number;
}

/** `GET /rooms/{roomId}/members`: membership events. @throws MatrixError M_FORBIDDEN */
export async function readMembers(
  parts: RoomParts,
  viewer: Viewer,
  roomId: string,
  query: MemberQuery,
): Promise<ClientEvent[]> {
  const { room, state, reader } = await openForReading(parts, roomId, viewer.userId);
  let shown = state;
  if (query.at !== undefined && reader.membership === 'join') {
    const [last] = await timelineBackwards(parts.db, room.nid, { after: null, upTo: query.at, limit: 1 });
    if (last?.roomState != null) shown = await parts.snapshots.load(last.roomState);
  }
  const entries = snapshotEntries(shown);
  const keys = await parts.stateKeys.resolve([...entries.keys()]);
  const nids = [...entries].flatMap(([key, nid]) =>
    keys.get(key)?.startsWith('m.room.member\0') === true ? [nid] : [],
  );
  const { membership: wanted, notMembership: unwanted } = query;
  const members = (await eventsByNid(parts.db, nids)).filter(({ pdu }) => {
    const { membership } = pdu.content;
    if (wanted === undefined) return unwanted === undefined || membership !== unwanted;
    return membership === wanted || (unwanted !== undefined && membership !== unwanted);
  });
  return await clientState(parts, viewer, members);
}

/** `GET /rooms/{roomId}/event/{eventId}`. @throws MatrixError M_NOT_FOUND, the same whether unknown or not for this user */
export async function readEvent(
  parts: RoomParts,
  viewer: Viewer,
  roomId: string,
  eventId: string,
): Promise<ClientEvent> {
  const { event } = await visibleEvent(parts, viewer.userId, roomId, eventId);
  const [shown] = await clientEvents(parts, viewer, [event]);
  if (shown === undefined) throw notFound('There is no such event.');
  return shown;
}

/** An event that the user may see. @throws MatrixError M_NOT_FOUND */
export async function visibleEvent(
  parts: RoomParts,
  userId: UserId,
  roomId: string,
  eventId: string,
): Promise<{ room: RoomRow; reader: Reader; event: StoredEvent }> {
  const refusal = notFound('There is no such event.');
  const room = await parts.rooms.byId(roomId);
  if (room === undefined) throw refusal;
  const found = await eventInRoom(parts.db, room.nid, eventId as EventId);
  if (found === undefined) throw refusal;
  const reader = await readerOf(parts, room.nid, userId);
  const [event] = await visibleEvents(parts, reader, [found]);
  if (event === undefined) throw refusal;
  return { room, reader, event };
}

export interface PageQuery {
  readonly direction: 'b' | 'f';
  /** Position to start from. */
  readonly from: number;
  /** Position at which to stop. */
  readonly to: number | undefined;
  /** Events wanted, ≤ 1000. */
  readonly limit: number;
  readonly filter: RoomEventFilter;
}

export interface Page {
  readonly events: StoredEvent[];
  /** Where to go on; undefined when there is nothing further. */
  readonly end: number | undefined;
  /** Why the page ends before it is full although there is more: nobody who has it could be reached. */
  readonly unreachable: MatrixError | undefined;
}

/** Rows looked at in one request at most, whatever the filter leaves of them. */
const MAX_ROWS = 5_000;

/**
 * A page of a room's timeline for a reader: goes on until it is full or the timeline ends, so that rows that the reader may
 * not see never end it (A1.15). Where our history ends and that of other servers goes on, it is fetched.
 */
export async function readPage(
  parts: RoomParts,
  { room, reader }: Pick<ReadableRoom, 'room' | 'reader'>,
  query: PageQuery,
): Promise<Page> {
  const backwards = query.direction === 'b';
  let at = query.from;
  let seen = 0;
  let end: number | undefined = at;
  let unreachable: MatrixError | undefined;
  const events: StoredEvent[] = [];
  while (events.length < query.limit && seen < MAX_ROWS) {
    const limit = Math.min(1_000, query.limit - events.length + 10);
    const rows = await pageRows(parts, room, query, at, limit);
    const passing = await filterEvents(parts.db, query.filter, room, await visibleEvents(parts, reader, rows));
    const wanted = new Set(passing.map((event) => event.nid));
    for (const row of rows) {
      if (events.length === query.limit) break;
      at = backwards ? (row.position ?? 0) - 1 : (row.position ?? 0);
      seen += 1;
      if (wanted.has(row.nid)) events.push(row);
    }
    end = at;
    if (rows.length === limit) continue;
    if (!backwards) {
      if (events.length < query.limit) end = undefined;
      break;
    }
    if (events.length === query.limit) break;
    const older: BackfillOutcome =
      query.to === undefined ? await backfillBefore(parts, room, query.limit) : { outcome: 'end' };
    if (older.outcome === 'added') continue;
    if (older.outcome === 'unreachable') unreachable = older.error;
    else end = undefined;
    break;
  }
  return { events, end, unreachable };
}

async function pageRows(
  parts: RoomParts,
  room: RoomRow,
  query: PageQuery,
  at: number,
  limit: number,
): Promise<StoredEvent[]> {
  return query.direction === 'b'
    ? await timelineBackwards(parts.db, room.nid, { after: query.to ?? null, upTo: at, limit })
    : await timelineForwards(parts.db, room.nid, { after: at, upTo: query.to ?? null, limit });
}

/** Member events of the senders of `events`, for clients that load members lazily. */
export async function sendersOf(
  parts: RoomParts,
  state: Snapshot,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const keys = [...new Set(events.map((event) => stateKey('m.room.member', event.sender)))];
  const nids = [...(await parts.stateKeys.find(keys)).values()].flatMap((key) => snapshotGet(state, key) ?? []);
  return await eventsByNid(parts.db, nids);
}
