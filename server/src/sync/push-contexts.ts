import { type StateKey, stateKey, type UserId } from '../protocol/event.ts';
import { notificationPowerLevel, powerLevelsOf, userPowerLevel } from '../protocol/power-levels.ts';
import type { PushContext } from '../protocol/push-rule-evaluation.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import type { StoredEvent } from '../storage/events.ts';
import { joinedCounts, membershipsIn } from '../storage/memberships.ts';
import { snapshotGet } from '../storage/state-snapshots.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';

/** What push rules ask about each of the rooms beside the event itself, by room. */
export async function pushContexts(
  parts: RoomParts,
  userId: UserId,
  rooms: readonly SyncRoom[],
): Promise<Map<number, (event: StoredEvent) => PushContext>> {
  const nids = rooms.map((room) => room.roomNid);
  const [counts, memberships, powers] = await Promise.all([
    joinedCounts(parts.db, nids),
    membershipsIn(parts.db, nids, userId),
    powersOf(parts, rooms),
  ]);
  const names = new Map(memberships.map((row) => [row.roomNid, row.displayName ?? undefined]));
  return new Map(
    rooms.map(({ roomNid }) => {
      const levels = powers.get(roomNid);
      const contextOf = (event: StoredEvent): PushContext => ({
        memberCount: counts.get(roomNid) ?? 0,
        displayName: names.get(roomNid),
        senderMayNotify: (key) =>
          levels !== undefined && userPowerLevel(levels, event.sender) >= notificationPowerLevel(levels, key),
      });
      return [roomNid, contextOf];
    }),
  );
}

async function powersOf(
  parts: RoomParts,
  rooms: readonly SyncRoom[],
): Promise<Map<number, ReturnType<typeof powerLevelsOf>>> {
  const wanted = [stateKey('m.room.create', ''), stateKey('m.room.power_levels', '')];
  const [keys, snapshots] = await Promise.all([
    parts.stateKeys.find(wanted),
    parts.snapshots.loadAll(rooms.map((room) => room.currentState)),
  ]);
  const nidOf = (room: SyncRoom, key: StateKey) =>
    snapshotGet(snapshots.get(room.currentState ?? 0), keys.get(key) ?? 0);
  const nids = rooms.flatMap((room) => wanted.flatMap((key) => nidOf(room, key) ?? []));
  const events = await parts.events.byNid(nids);
  const powers = new Map<number, ReturnType<typeof powerLevelsOf>>();
  for (const room of rooms) {
    const version = roomVersion(room.version);
    const [create, levels] = wanted.map((key) => events.get(nidOf(room, key) ?? 0)?.pdu);
    if (version !== undefined && create !== undefined) powers.set(room.roomNid, powerLevelsOf(version, create, levels));
  }
  return powers;
}
