import { type StateKey, stateKey } from '../protocol/event.ts';
import { notificationPowerLevel, powerLevelsOf, userPowerLevel } from '../protocol/power-levels.ts';
import type { PushContext } from '../protocol/push-rule-evaluation.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import type { StoredEvent } from '../storage/events.ts';
import { joinedCounts } from '../storage/memberships.ts';
import { snapshotGet } from '../storage/state-snapshots.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import type { SyncParts } from './sync-parts.ts';

/** What push rules ask about a room, whoever looks. */
export interface RuledRoom {
  /** Snapshot of the state that the rest follows from. */
  readonly state: number | null;
  readonly memberCount: number;
  readonly levels: ReturnType<typeof powerLevelsOf> | undefined;
}

/** The rooms as they are now: from memory where their state is still the same. */
export async function ruledRooms(parts: SyncParts, rooms: readonly SyncRoom[]): Promise<Map<number, RuledRoom>> {
  const { memory } = parts;
  const found = new Map<number, RuledRoom>();
  for (const { roomNid, currentState } of rooms) {
    const known = memory.ruled.get(roomNid);
    if (known?.state === currentState) found.set(roomNid, known);
  }
  const others = rooms.filter(({ roomNid }) => !found.has(roomNid));
  if (others.length === 0) return found;
  const nids = others.map((room) => room.roomNid);
  const [counts, powers] = await Promise.all([joinedCounts(parts.rooms.db, nids), powersOf(parts.rooms, others)]);
  for (const { roomNid, currentState } of others) {
    const ruled = { state: currentState, memberCount: counts.get(roomNid) ?? 0, levels: powers.get(roomNid) };
    memory.ruled.set(roomNid, ruled);
    found.set(roomNid, ruled);
  }
  return found;
}

/** What push rules ask about an event's room and its sender, for a user of that name. */
export function pushContext(
  { memberCount, levels }: RuledRoom,
  displayName: string | undefined,
  { sender }: StoredEvent,
): PushContext {
  return {
    memberCount,
    displayName,
    senderMayNotify: (key) =>
      levels !== undefined && userPowerLevel(levels, sender) >= notificationPowerLevel(levels, key),
  };
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
