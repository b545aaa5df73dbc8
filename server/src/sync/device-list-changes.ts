import type { UserId } from '../protocol/event.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { changedDeviceLists, movedInEncryptedRooms, sharingEncryptedRooms } from '../storage/device-lists.ts';
import { type SyncRoom, syncOverview } from '../storage/sync-overview.ts';

/** `device_lists` of a sync, and the answer of `GET /keys/changes`. */
export interface DeviceListChanges {
  /** Users whose devices changed, or who share an encrypted room with the viewer and may not have done so before. */
  readonly changed: UserId[];
  /** Users with whom the viewer shares no encrypted room any more. */
  readonly left: UserId[];
}

/**
 * What changed about the devices of others after `since` and up to `until` (Client-Server API, "Tracking the device list for a
 * user").
 *
 * @param rooms the viewer's rooms, with those that they left after `since`
 */
export async function deviceListChanges(
  parts: RoomParts,
  viewer: UserId,
  { since, until }: { readonly since: number; readonly until: number },
  rooms: readonly SyncRoom[],
): Promise<DeviceListChanges> {
  const changed = mayHaveChanged(parts, since, until) ? await changedDeviceLists(parts.db, viewer, since, until) : [];
  const entered = rooms.filter(({ joinedPosition, leftPosition, membership }) =>
    membership === 'join' ? (joinedPosition ?? 0) > since : (leftPosition ?? 0) > since,
  );
  // Where the state is the same, nobody came or went.
  const touched = rooms.filter(
    ({ membership, lastPosition, stateAtSince, currentState }) =>
      membership === 'join' && lastPosition > since && stateAtSince !== currentState,
  );
  if (entered.length + touched.length === 0) return { changed, left: [] };
  const nids = (list: readonly SyncRoom[]) => list.map(({ roomNid }) => roomNid);
  const found = await movedInEncryptedRooms(parts.db, { touched: nids(touched), entered: nids(entered) }, since, until);
  const moved = found.filter((userId) => userId !== viewer);
  if (moved.length === 0) return { changed, left: [] };
  const sharing = await sharingEncryptedRooms(parts.db, viewer, moved);
  return {
    changed: [...new Set([...changed, ...sharing])],
    left: moved.filter((userId) => !sharing.has(userId)),
  };
}

/** The same for a span between two tokens. A span that is not over yet ends now. */
export async function deviceListChangesBetween(
  parts: RoomParts,
  viewer: UserId,
  since: number,
  until: number,
): Promise<DeviceListChanges> {
  const { position, rooms } = await syncOverview(parts.db, viewer, { leftAfter: since, since });
  return await deviceListChanges(parts, viewer, { since, until: Math.min(until, position) }, rooms);
}

/** Whether any device list changed, as far as memory reaches: most syncs need not ask the database. */
function mayHaveChanged({ follower }: RoomParts, since: number, until: number): boolean {
  return follower.recent(since, until)?.some(({ kind }) => kind === 'device_list') ?? true;
}
