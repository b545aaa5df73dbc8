import type { RoomId } from '../protocol/event.ts';
import { eventPasses, roomEventPasses } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { LogRow } from '../storage/log-follower.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import type { SyncRound } from './sync.ts';
import type { AccountDataEvent, SyncParts } from './sync-parts.ts';

/** Account data that is new in this round, as the filter lets it through. */
export async function accountDataSection(
  parts: SyncParts,
  sync: SyncRound,
): Promise<{ global: JsonObject[]; rooms: ReadonlyMap<RoomId, readonly AccountDataEvent[]> }> {
  const since = sync.query.fullState ? 0 : sync.since;
  const isOwn = ({ kind, userId }: LogRow) => kind === 'account_data' && userId === sync.viewer.userId;
  if (since > 0 && sync.news?.some(isOwn) === false) return { global: [], rooms: new Map() };
  const { global, rooms } = await parts.accountData(sync.viewer.userId, since, sync.until);
  return {
    global: global
      .filter((event) => eventPasses(sync.query.filter.accountData, event))
      .map((event) => ({ type: event.type, content: event.content })),
    rooms,
  };
}

/** `account_data` of a room, as the filter lets it through. */
export function roomAccountData(
  sync: SyncRound,
  room: SyncRoom,
  accountData: ReadonlyMap<RoomId, readonly AccountDataEvent[]>,
): JsonObject[] {
  const filter = sync.query.filter.room.accountData;
  return (accountData.get(room.roomId) ?? [])
    .filter((event) => roomEventPasses(filter, room.roomId, event))
    .map((event) => ({ type: event.type, content: event.content }));
}
