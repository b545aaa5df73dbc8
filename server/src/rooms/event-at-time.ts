import { notFound } from '../protocol/errors.ts';
import type { EventId, ServerName, UserId } from '../protocol/event.ts';
import { nearestSafeInteger } from '../protocol/json.ts';
import { type StoredEvent, timelineByTime } from '../storage/events.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { backfillBefore } from './backfill.ts';
import { openForServer, visibleToServer } from './read-for-server.ts';
import { openForReading } from './reading.ts';
import type { RoomParts } from './room-parts.ts';
import { visibleEvents } from './visibility.ts';

/** A moment of a room and where to look from it: on (`f`) or back (`b`). */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly dir: 'f' | 'b';
}

export interface EventAtTime {
  readonly event_id: EventId;
  readonly origin_server_ts: number;
}

/** Events looked at for one that may be seen. */
const MAX_ROWS = 1_000;
const PAGE = 100;
/** Pages of history fetched from other servers to get as far back as the moment. */
const MAX_BACKFILLS = 5;

/**
 * The event closest to a moment that a user may see (Client-Server API, `GET /rooms/{roomId}/timestamp_to_event`). Where our
 * history does not go back that far, it is fetched, up to a bound.
 *
 * @throws MatrixError M_FORBIDDEN, M_NOT_FOUND
 */
export async function eventAtTime(
  parts: RoomParts,
  userId: UserId,
  roomId: string,
  moment: Moment,
): Promise<EventAtTime> {
  const { room, reader } = await openForReading(parts, roomId, userId);
  if (reader.membership === 'join') await fetchBackTo(parts, room, moment.ts);
  const visible = async (events: readonly StoredEvent[]) => await visibleEvents(parts, reader, events);
  return await closest(parts, room, moment, visible);
}

/**
 * The same for another server (Server-Server API, `GET /timestamp_to_event/{roomId}`).
 *
 * @throws MatrixError M_NOT_FOUND, the same whether the room is unknown or not for that server, or holds nothing of that time
 */
export async function eventAtTimeForServer(
  parts: RoomParts,
  server: ServerName,
  roomId: string,
  moment: Moment,
): Promise<EventAtTime> {
  const reader = await openForServer(parts, server, roomId);
  const visible = async (events: readonly StoredEvent[]) => await visibleToServer(parts, reader, events);
  return await closest(parts, reader.room, moment, visible);
}

async function closest(
  parts: RoomParts,
  room: RoomRow,
  moment: Moment,
  visible: (events: readonly StoredEvent[]) => Promise<StoredEvent[]>,
): Promise<EventAtTime> {
  for (let offset = 0; offset < MAX_ROWS; offset += PAGE) {
    const events = await timelineByTime(parts.db, room.nid, { ...moment, offset, limit: PAGE });
    const [event] = await visible(events);
    if (event !== undefined)
      return { event_id: event.eventId, origin_server_ts: nearestSafeInteger(event.pdu.origin_server_ts) };
    if (events.length < PAGE) break;
  }
  throw notFound('There is no such event.');
}

async function fetchBackTo(parts: RoomParts, room: RoomRow, ts: number): Promise<void> {
  for (let page = 0; page < MAX_BACKFILLS; page++) {
    const earlier = await timelineByTime(parts.db, room.nid, { ts, dir: 'b', offset: 0, limit: 1 });
    if (earlier.length > 0) return;
    if ((await backfillBefore(parts, room, PAGE)).outcome !== 'added') return;
  }
}
