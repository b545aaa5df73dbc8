import type { RoomId } from '../protocol/event.ts';
import { eventPasses } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { SyncRound } from './sync.ts';
import type { AccountDataEvent, SyncParts } from './sync-parts.ts';

/** Account data that is new in this round, as the filter lets it through. */
export async function accountDataSection(
  parts: SyncParts,
  sync: SyncRound,
): Promise<{ global: JsonObject[]; rooms: ReadonlyMap<RoomId, readonly AccountDataEvent[]> }> {
  const since = sync.query.fullState ? 0 : sync.since;
  const { global, rooms } = await parts.accountData(sync.viewer.userId, since, sync.until);
  return {
    global: global
      .filter((event) => eventPasses(sync.query.filter.accountData, event))
      .map((event) => ({ type: event.type, content: event.content })),
    rooms,
  };
}
