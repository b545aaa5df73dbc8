import { isJsonObject } from '../protocol/json.ts';
import { eventInRoom, type StoredEvent } from '../storage/events.ts';
import type { RoomParts } from './room-parts.ts';

/** The timeline outside of all threads, as receipts call it. */
export const MAIN_THREAD = 'main';

/** Relations followed to find the thread of an event (Client-Server API, "Threaded read receipts"). */
const MAX_HOPS = 3;

/**
 * The thread that an event belongs to, by the id of its root: its own, or that of the event that it relates to, at most three
 * relations away. `main` for all other events, the root itself among them.
 */
export async function threadOf(parts: Pick<RoomParts, 'db'>, event: StoredEvent): Promise<string> {
  let current: StoredEvent | undefined = event;
  for (let hops = 0; hops <= MAX_HOPS && current !== undefined; hops++) {
    const relation = current.pdu.content['m.relates_to'];
    if (!isJsonObject(relation) || typeof relation.event_id !== 'string') break;
    if (relation.rel_type === 'm.thread') return relation.event_id;
    current = await eventInRoom(parts.db, event.roomNid, relation.event_id);
  }
  return MAIN_THREAD;
}
