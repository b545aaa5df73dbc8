import type { Pdu } from '../protocol/event.ts';
import { essentialBytes } from '../protocol/event-hashes.ts';
import { eventsById } from '../storage/events.ts';
import type { VerifiedPdu } from './admit-pdu.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/**
 * The events whose ids are not those of other events that we hold, of whatever room. Where servers choose ids (room versions 1
 * and 2) one may choose an id twice: the event that came first keeps it.
 */
export async function withoutTakenIds(
  parts: RoomParts,
  open: OpenRoom,
  events: readonly VerifiedPdu[],
): Promise<readonly VerifiedPdu[]> {
  if (open.version.eventIds !== 'given') return events;
  const ids = events.map((event) => event.eventId);
  const held = new Map((await eventsById(parts.db, ids)).map((event) => [event.eventId, event]));
  // The essential part of an event holds the hash of the rest.
  const bytesOf = (pdu: Pdu) => essentialBytes(pdu, open.version);
  return events.filter(({ eventId, pdu }) => {
    const holder = held.get(eventId);
    return holder === undefined || (holder.roomNid === open.room.nid && bytesOf(holder.pdu).equals(bytesOf(pdu)));
  });
}
