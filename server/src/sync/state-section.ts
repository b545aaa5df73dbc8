import { type StateKey, stateKey } from '../protocol/event.ts';
import { roomEventPasses } from '../protocol/filter.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import { type Snapshot, snapshotDifference, snapshotGet } from '../storage/state-snapshots.ts';
import type { JoinedRoom } from './joined-rooms.ts';
import type { RoomSummary } from './room-summaries.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

/** State of a room that the client lacks: state key nid → event nid. */
export type StateChanges = ReadonlyMap<number, number>;

const MEMBER = 'm.room.member\0';
const NAMING: ReadonlySet<StateKey> = new Set(
  ['m.room.name', 'm.room.canonical_alias'].map((type) => stateKey(type, '')),
);

/** What each room's client lacks to know the state at the start (or, with `use_state_after`, the end) of the timeline. */
export async function stateChanges(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
): Promise<Map<number, StateChanges>> {
  const touched = rooms.filter(
    ({ room, isNew, timeline }) => isNew || timeline.length > 0 || room.lastPosition > sync.since,
  );
  const spans = touched.map(({ room, isNew, timeline, stateAtStart }) => ({
    roomNid: room.roomNid,
    timeline,
    from: isNew ? undefined : room.stateAtSince,
    start: sync.query.stateAfter ? room.currentState : stateAtStart,
    end: room.currentState,
  }));
  const snapshots = await parts.rooms.snapshots.loadAll(spans.flatMap(({ from, start, end }) => [from, start, end]));
  const at = (id: number | null | undefined) => snapshots.get(id ?? 0);
  return new Map(
    spans.map(({ roomNid, timeline, from, start, end }) => [
      roomNid,
      changesToTell({ from: at(from), start: at(start), end: at(end) }, timeline),
    ]),
  );
}

/**
 * State that a client lacks which knows that of `from` and adds a timeline to what it is told. That is the state at the start of
 * the timeline, and what branches of the room have resolved to since: then state changes without an event that says so. Where
 * the timeline says something else about the same thing, only `use_state_after` can tell.
 */
export function changesToTell(
  states: Readonly<Record<'from' | 'start' | 'end', Snapshot | undefined>>,
  timeline: readonly StoredEvent[],
): StateChanges {
  const inTimeline = new Set(timeline.map((event) => event.stateKeyNid));
  const changes = snapshotDifference(states.from, states.start);
  for (const [keyNid, eventNid] of snapshotDifference(states.start, states.end))
    if (!inTimeline.has(keyNid)) changes.set(keyNid, eventNid);
  return new Map([...changes].filter(([, eventNid]) => eventNid !== 0));
}

/** Rooms whose summary may be another one: members came, went or changed, or a name did. */
export async function resummarized(
  parts: SyncParts,
  rooms: readonly JoinedRoom[],
  changes: ReadonlyMap<number, StateChanges>,
): Promise<JoinedRoom[]> {
  const keyNids = rooms.flatMap(({ room, isNew }) => (isNew ? [] : [...(changes.get(room.roomNid)?.keys() ?? [])]));
  const keys = await parts.rooms.stateKeys.resolve(keyNids);
  const counts = (key: StateKey | undefined) => key !== undefined && (key.startsWith(MEMBER) || NAMING.has(key));
  return rooms.filter(
    ({ room, isNew, passed }) =>
      isNew ||
      [...(changes.get(room.roomNid)?.keys() ?? [])].some((keyNid) => counts(keys.get(keyNid))) ||
      passed.some(({ pdu }) => pdu.state_key !== undefined && counts(stateKey(pdu.type, pdu.state_key))),
  );
}

/**
 * `state` (or `state_after`) of each room. Where members are loaded lazily, a room that is new to the client has only those of
 * the timeline's senders, of the user, and of the heroes of its summary; one that it knows has those who changed in a gap, and
 * senders and heroes whom it may not have been told of.
 */
export async function stateSection(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
  changes: ReadonlyMap<number, StateChanges>,
  summaries: ReadonlyMap<number, RoomSummary>,
): Promise<Map<number, StoredEvent[]>> {
  const wanted = new Map<number, ReadonlySet<number>>();
  const lazy = sync.query.filter.room.state.lazyLoadMembers;
  for (const joined of rooms) {
    const { roomNid } = joined.room;
    const own = changes.get(roomNid) ?? new Map<number, number>();
    const heroes = summaries.get(roomNid)?.heroes ?? [];
    wanted.set(roomNid, new Set(lazy ? await lazily(parts, sync, joined, own, heroes) : own.values()));
  }
  const nids = [...wanted.values()].flatMap((set) => [...set]);
  const events = new Map((await eventsByNid(parts.rooms.db, nids)).map((event) => [event.nid, event]));
  const section = new Map<number, StoredEvent[]>();
  for (const { room } of rooms) {
    const state = [...(wanted.get(room.roomNid) ?? [])].flatMap((nid) => events.get(nid) ?? []);
    const passes = ({ pdu }: StoredEvent) => roomEventPasses(sync.query.filter.room.state, room.roomId, pdu);
    section.set(room.roomNid, state.filter(passes));
  }
  return section;
}

async function lazily(
  parts: SyncParts,
  sync: SyncRound,
  { room, isNew, timeline, stateAtStart }: JoinedRoom,
  changes: StateChanges,
  heroes: readonly string[],
): Promise<number[]> {
  const { stateKeys, snapshots } = parts.rooms;
  const people = new Set<string>([...timeline.map((event) => event.sender), ...heroes]);
  if (isNew) people.add(sync.viewer.userId);
  const memberKeys = await stateKeys.find([...people].map((userId) => stateKey('m.room.member', userId)));
  if (isNew) {
    const keys = await stateKeys.resolve([...changes.keys()]);
    const isWanted = (keyNid: number) => {
      const key = keys.get(keyNid);
      return key === undefined || !key.startsWith(MEMBER) || memberKeys.has(key);
    };
    return [...changes].flatMap(([keyNid, eventNid]) => (isWanted(keyNid) ? [eventNid] : []));
  }
  const at = sync.query.stateAfter ? room.currentState : stateAtStart;
  const state = at === null || people.size === 0 ? undefined : await snapshots.load(at);
  const members = [...memberKeys.values()].filter((keyNid) => !changes.has(keyNid));
  return [...changes.values(), ...members.flatMap((keyNid) => snapshotGet(state, keyNid) ?? [])];
}
