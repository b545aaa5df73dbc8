import { type RoomEventFilter, roomEventPasses } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import { eventsByNid } from '../storage/events.ts';
import { snapshotEntries } from '../storage/state-snapshots.ts';
import { clientEvents, clientState } from './client-event.ts';
import type { Viewer } from './plain-client-event.ts';
import { openForReading, type PageQuery, readPage, sendersOf, visibleEvent } from './reading.ts';
import type { RoomParts } from './room-parts.ts';
import { BEGINNING, timelineToken } from './timeline-token.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 1_000;

/**
 * `GET /rooms/{roomId}/messages`: a page of the timeline. `end` is left out at the beginning of the room only. Where the
 * servers that have what is before cannot be reached, a page ends there and the next is an error: with an empty page, clients
 * would take the place for the beginning, or ask again at once and for ever. Without `from`, it starts at the newest event, or at
 * the oldest where it leads forwards.
 *
 * @throws MatrixError M_FORBIDDEN; M_UNKNOWN (502, 504) when there is more but nobody to get it from at present
 */
export async function messages(
  parts: RoomParts,
  viewer: Viewer,
  roomId: string,
  query: Omit<PageQuery, 'limit' | 'from'> & { readonly limit: number | undefined; readonly from: number | undefined },
): Promise<JsonObject> {
  const opened = await openForReading(parts, roomId, viewer.userId);
  const limit = Math.min(query.limit ?? query.filter.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
  const from = query.from ?? (query.direction === 'b' ? opened.newest : BEGINNING);
  const page = await readPage(parts, opened, { ...query, from, limit });
  if (page.unreachable !== undefined && page.end === from) throw page.unreachable;
  const members = query.filter.lazyLoadMembers ? await sendersOf(parts, opened.state, page.events) : [];
  return {
    start: timelineToken(from),
    ...(page.end === undefined ? {} : { end: timelineToken(page.end) }),
    chunk: await clientEvents(parts, viewer, page.events),
    ...(members.length === 0 ? {} : { state: await clientState(parts, viewer, members) }),
  };
}

/** `GET /rooms/{roomId}/context/{eventId}`. @throws MatrixError M_NOT_FOUND */
export async function readContext(
  parts: RoomParts,
  viewer: Viewer,
  roomId: string,
  eventId: string,
  query: { readonly limit: number; readonly filter: RoomEventFilter },
): Promise<JsonObject> {
  const { room, reader, event } = await visibleEvent(parts, viewer.userId, roomId, eventId);
  const position = event.position ?? 0;
  const half = Math.floor(query.limit / 2);
  const span = { to: undefined, filter: query.filter };
  const before = await readPage(parts, { room, reader }, { ...span, direction: 'b', from: position - 1, limit: half });
  const after = await readPage(
    parts,
    { room, reader },
    {
      ...span,
      direction: 'f',
      from: position,
      limit: query.limit - half,
    },
  );
  const last = after.events.at(-1);
  const roomState = last?.roomState ?? event.roomState ?? event.stateAfter ?? 0;
  const state = await parts.snapshots.load(roomState);
  const shown = [...before.events, event, ...after.events];
  const stateEvents = query.filter.lazyLoadMembers
    ? [...(await nonMembers(parts, state)), ...(await sendersOf(parts, state, shown))]
    : await eventsByNid(parts.db, [...snapshotEntries(state).values()]);
  const show = async (events: typeof shown) => await clientEvents(parts, viewer, events);
  return {
    start: timelineToken(before.end ?? (before.events.at(-1)?.position ?? position) - 1),
    end: timelineToken(after.end ?? last?.position ?? position),
    events_before: await show(before.events),
    event: (await show([event]))[0],
    events_after: await show(after.events),
    state: await clientState(
      parts,
      viewer,
      stateEvents.filter((state) => roomEventPasses(query.filter, roomId, state.pdu)),
    ),
  };
}

async function nonMembers(parts: RoomParts, state: Awaited<ReturnType<RoomParts['snapshots']['load']>>) {
  const entries = snapshotEntries(state);
  const keys = await parts.stateKeys.resolve([...entries.keys()]);
  const nids = [...entries].flatMap(([key, nid]) => (keys.get(key)?.startsWith('m.room.member\0') ? [] : [nid]));
  return await eventsByNid(parts.db, nids);
}
