import { MatrixError } from '../protocol/errors.ts';
import { longestJoined } from '../storage/memberships.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/** Forward extremities beyond which the ends of the graph are tied together. */
const MOST_EXTREMITIES = 10;
/** Local users whose power to send is tried. */
const MOST_SENDERS = 5;
/** An event names 20 previous ones at most, so one transaction of another server cannot bring in more than these can tie. */
const MOST_TIES = 4;

/**
 * Keeps the forward extremities of a room few, because all state is resolved over them: where there are more than ten, a local
 * user who may send one says an `org.matrix.dummy_event`, which other homeservers send for this purpose too and clients do
 * not show. Where nobody may, nothing happens; then nobody here builds upon the room either.
 */
export async function tieExtremities(parts: RoomParts, open: OpenRoom): Promise<void> {
  if (open.extremities.length <= MOST_EXTREMITIES) return;
  const members = await longestJoined(parts.db, open.room.nid, parts.serverName, MOST_SENDERS);
  for (const sender of members) {
    try {
      for (let ties = 0; ties < MOST_TIES && open.extremities.length > MOST_EXTREMITIES; ties++)
        await open.append({ type: 'org.matrix.dummy_event', sender, content: {} });
      return;
    } catch (error) {
      // This one may not send it: the next may.
      if (!(error instanceof MatrixError) || error.errcode !== 'M_FORBIDDEN') throw error;
    }
  }
}
