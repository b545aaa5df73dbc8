import type { JsonObject } from '../protocol/json.ts';
import { relatingEvents } from '../storage/relations.ts';
import { clientEvents } from './client-event.ts';
import type { Viewer } from './plain-client-event.ts';
import { visibleEvent } from './reading.ts';
import type { RoomParts } from './room-parts.ts';
import { timelineToken } from './timeline-token.ts';
import { visibleEvents } from './visibility.ts';

export interface RelationsQuery {
  readonly roomId: string;
  readonly eventId: string;
  readonly relationType: string | undefined;
  readonly eventType: string | undefined;
  /** Timeline position to go on from. */
  readonly from: number | undefined;
  readonly direction: 'b' | 'f';
  readonly limit: number;
}

/** A page of the events that relate to an event (Client-Server API, "Relationships API"). @throws MatrixError M_NOT_FOUND */
export async function readRelations(parts: RoomParts, viewer: Viewer, query: RelationsQuery): Promise<JsonObject> {
  const { room, reader, event } = await visibleEvent(parts, viewer.userId, query.roomId, query.eventId);
  const backwards = query.direction === 'b';
  // A token lies behind the event whose position it names: going back, that one is still to come.
  const from = query.from === undefined ? null : backwards ? query.from + 1 : query.from;
  const rows = await relatingEvents(parts.db, {
    roomNid: room.nid,
    eventId: event.eventId,
    relationType: query.relationType ?? null,
    eventType: query.eventType ?? null,
    from,
    direction: query.direction,
    limit: query.limit + 1,
  });
  const page = rows.slice(0, query.limit);
  const last = page.at(-1)?.position ?? null;
  const hasMore = rows.length > query.limit && last !== null;
  return {
    chunk: await clientEvents(parts, viewer, await visibleEvents(parts, reader, page)),
    ...(hasMore ? { next_batch: timelineToken(backwards ? last - 1 : last) } : {}),
    ...(query.from === undefined ? {} : { prev_batch: timelineToken(query.from) }),
  };
}
