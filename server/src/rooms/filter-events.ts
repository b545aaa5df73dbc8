import { type RoomEventFilter, roomEventPasses } from '../protocol/filter.ts';
import type { Queryable } from '../storage/database.ts';
import type { StoredEvent } from '../storage/events.ts';
import { relationWitnesses } from '../storage/relations.ts';
import type { RoomRow } from '../storage/rooms.ts';

/** The events of a room that a filter lets through, in the order given (Client-Server API, "Filtering"). */
export async function filterEvents(
  db: Queryable,
  filter: RoomEventFilter,
  { nid, roomId }: Pick<RoomRow, 'nid' | 'roomId'>,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const { relatedBy } = filter;
  if (relatedBy === undefined) return events.filter((event) => roomEventPasses(filter, roomId, event.pdu));
  const eventIds = events.map((event) => event.eventId);
  const related = await relationWitnesses(db, nid, { eventIds, ...relatedBy });
  return events.filter((event) => {
    const witness = related.get(event.eventId);
    return roomEventPasses(filter, roomId, { ...event.pdu, relations: witness === undefined ? [] : [witness] });
  });
}
