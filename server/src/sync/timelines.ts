import { filterLimit } from '../protocol/filter.ts';
import { filterEvents } from '../rooms/filter-events.ts';
import { type Reader, type Viewpoints, viewpointsOf, visibleFrom } from '../rooms/visibility.ts';
import { latestOfRooms, type StoredEvent, timelineBackwards } from '../storage/events.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

/** What the timeline of one room is to be read from. */
export interface TimelineRequest {
  readonly room: SyncRoom;
  /** Position after which it begins; null for no bound. */
  readonly after: number | null;
}

/** The timeline of a room in one round. */
export interface Timeline {
  /** The events that are shown, oldest first. */
  readonly events: readonly StoredEvent[];
  /** All that the user may see from the first of them on, also what the filter leaves out. */
  readonly passed: readonly StoredEvent[];
  /** The event right before the first that is shown, seen or not; undefined where nothing came before it. */
  readonly previous: StoredEvent | undefined;
  /** The newest event, seen or not. */
  readonly newest: StoredEvent | undefined;
  /** Every event since the timeline begins, seen or not, newest first; undefined where not all of them were read. */
  readonly all: readonly StoredEvent[] | undefined;
  /** The filter's limit has left out events. */
  readonly isCut: boolean;
}

/** A room's rows as far as they were read, newest first. */
interface Rows {
  readonly rows: StoredEvent[];
  /** Those of them that the filter lets through. */
  readonly passing: Set<number>;
  /** There are no more. */
  readonly isAll: boolean;
}

const DEFAULT_TIMELINE = 20;
const MAX_TIMELINE = 100;
/** Rows looked at for the timeline of a room, where its filter lets few of them through. */
const MAX_ROWS = 1_000;
const ROWS_AT_ONCE = 200;

/**
 * Reads the timelines of rooms up to a position: the newest events that the filter lets through, as many as it asks for, and of
 * those the ones that the user may see. One query for all rooms, and more only for those where the filter leaves out much.
 */
export async function readTimelines(
  parts: SyncParts,
  sync: SyncRound,
  requests: readonly TimelineRequest[],
  upTo: number,
): Promise<Map<number, Timeline>> {
  const limit = filterLimit(sync.query.filter.room.timeline, DEFAULT_TIMELINE, MAX_TIMELINE);
  const spans = requests.map(({ room, after }) => ({ roomNid: room.roomNid, after }));
  const latest = await latestOfRooms(parts.rooms.db, spans, upTo, limit + 1);
  const read = new Map<number, Rows>();
  for (const request of requests) {
    const rows = latest.get(request.room.roomNid) ?? [];
    read.set(request.room.roomNid, await readOn(parts, sync, request, rows, limit));
  }
  const all = [...read.values()].flatMap(({ rows }) => rows);
  const viewpoints = await viewpointsOf(parts.rooms, sync.viewer.userId, all);
  return new Map(
    requests.map(({ room }) => {
      const rows = read.get(room.roomNid) ?? { rows: [], passing: new Set<number>(), isAll: true };
      return [room.roomNid, timelineOf(rows, limit, readerIn(sync, room), viewpoints)];
    }),
  );
}

function readerIn(sync: SyncRound, room: SyncRoom): Reader {
  return { userId: sync.viewer.userId, membership: room.membership, leftPosition: room.leftPosition };
}

/** Reads on backwards until the filter has let enough events through to know whether there are more. */
async function readOn(
  parts: SyncParts,
  sync: SyncRound,
  { room, after }: TimelineRequest,
  first: readonly StoredEvent[],
  limit: number,
): Promise<Rows> {
  const rows = [...first];
  const passing = new Set(await passingNids(parts, sync, room, first));
  let isEnd = first.length <= limit;
  while (!isEnd && limit > 0 && passing.size <= limit && rows.length < MAX_ROWS) {
    const upTo = (rows.at(-1)?.position ?? 0) - 1;
    const more = await timelineBackwards(parts.rooms.db, room.roomNid, { after, upTo, limit: ROWS_AT_ONCE });
    rows.push(...more);
    for (const nid of await passingNids(parts, sync, room, more)) passing.add(nid);
    isEnd = more.length < ROWS_AT_ONCE;
  }
  return { rows, passing, isAll: isEnd };
}

async function passingNids(
  parts: SyncParts,
  sync: SyncRound,
  room: SyncRoom,
  rows: readonly StoredEvent[],
): Promise<number[]> {
  const heard = rows.filter((event) => event.stateKeyNid !== null || !sync.settings.ignored.has(event.sender));
  const { timeline } = sync.query.filter.room;
  const passing = await filterEvents(parts.rooms.db, timeline, { nid: room.roomNid, roomId: room.roomId }, heard);
  return passing.map((event) => event.nid);
}

function timelineOf({ rows, passing, isAll }: Rows, limit: number, reader: Reader, viewpoints: Viewpoints): Timeline {
  const wanted = rows.filter((event) => passing.has(event.nid));
  const surplus = wanted[limit] ?? (rows.length >= MAX_ROWS ? rows.at(-1) : undefined);
  const cut = surplus === undefined ? rows.length : rows.indexOf(surplus);
  const seen = visibleFrom(viewpoints, reader, rows.slice(0, cut).reverse());
  const events = seen.filter((event) => passing.has(event.nid));
  const first = events[0];
  return {
    events,
    passed: first === undefined ? seen : seen.slice(seen.indexOf(first)),
    previous: first === undefined ? undefined : rows[rows.indexOf(first) + 1],
    newest: rows[0],
    all: isAll ? rows : undefined,
    isCut: surplus !== undefined,
  };
}
