import { stateKey } from '../protocol/event.ts';
import { roomEventPasses } from '../protocol/filter.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import { type Snapshot, snapshotDifference, snapshotGet } from '../storage/state-snapshots.ts';
import type { JoinedRoom } from './joined-rooms.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

/**
 * `state` (or `state_after`) of each room: what the client lacks to know the room's state at the start (or the end) of the
 * timeline. With lazily loaded members only those of the timeline's senders and the user's own are among it.
 */
export async function stateSection(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
): Promise<Map<number, StoredEvent[]>> {
  const lazy = sync.query.filter.room.state.lazyLoadMembers;
  const wanted = new Map<number, Set<number>>();
  for (const room of rooms) wanted.set(room.room.roomNid, await wantedState(parts, sync, room, lazy));
  const nids = [...wanted.values()].flatMap((set) => [...set]);
  const events = new Map((await eventsByNid(parts.rooms.db, nids)).map((event) => [event.nid, event]));
  const section = new Map<number, StoredEvent[]>();
  for (const { room, timeline } of rooms) {
    const senders = new Set<string>([sync.viewer.userId, ...timeline.map((event) => event.sender)]);
    const state = [...(wanted.get(room.roomNid) ?? [])].flatMap((nid) => events.get(nid) ?? []);
    section.set(
      room.roomNid,
      state.filter(
        (event) =>
          roomEventPasses(sync.query.filter.room.state, room.roomId, event.pdu) &&
          (!lazy || event.pdu.type !== 'm.room.member' || senders.has(event.pdu.state_key ?? '')),
      ),
    );
  }
  return section;
}

async function wantedState(parts: SyncParts, sync: SyncRound, joined: JoinedRoom, lazy: boolean): Promise<Set<number>> {
  const { snapshots } = parts.rooms;
  const load = async (id: number | null | undefined) => (id == null ? undefined : await snapshots.load(id));
  const to = await load(sync.query.stateAfter ? joined.room.currentState : joined.stateAtStart);
  const wanted = new Set<number>();
  const isUntouched = joined.timeline.length === 0 && joined.room.lastPosition <= sync.since;
  if (joined.isNew || !isUntouched) {
    const from = joined.isNew ? undefined : await load(joined.stateAtSince);
    for (const nid of snapshotDifference(from, to).values()) if (nid !== 0) wanted.add(nid);
  }
  // A client that loads members lazily may not know a sender who has been in the room all along.
  if (lazy && !joined.isNew && joined.timeline.length > 0)
    for (const nid of await membersOf(parts, to, joined.timeline)) wanted.add(nid);
  return wanted;
}

async function membersOf(
  parts: SyncParts,
  state: Snapshot | undefined,
  timeline: readonly StoredEvent[],
): Promise<number[]> {
  const keys = [...new Set(timeline.map((event) => stateKey('m.room.member', event.sender)))];
  return [...(await parts.rooms.stateKeys.find(keys)).values()].flatMap((key) => snapshotGet(state, key) ?? []);
}
