import type { KnownEvent } from '../protocol/authorization.ts';
import type { EventId, StateKey } from '../protocol/event.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { eventsToLoad, resolveState } from '../protocol/state-resolution.ts';
import { authChain, eventIdsOf } from '../storage/events.ts';
import { deriveSnapshot, type Snapshot, snapshotDifference, snapshotEntries } from '../storage/state-snapshots.ts';
import { asRuleEvent } from './event-cache.ts';
import type { NewEvent, OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/**
 * State that several snapshots of a room resolve to, as a snapshot. One of them that has this very state is reused, or the
 * room's present one, as it is where a room with two branches goes on; else the new one follows whichever it differs least from.
 *
 * @param arriving an event that is about to be added to the room, where the snapshots may hold it already
 */
export async function resolveSnapshots(
  parts: RoomParts,
  open: OpenRoom,
  snapshots: readonly (Snapshot | undefined)[],
  arriving?: NewEvent,
): Promise<Snapshot | undefined> {
  const distinct = [...new Map(snapshots.map((snapshot) => [snapshot?.id, snapshot])).values()];
  const [first] = distinct;
  if (distinct.length < 2) return first;
  const conflicted = new Set<number>();
  for (const other of distinct.slice(1)) for (const key of snapshotDifference(first, other).keys()) conflicted.add(key);
  if (conflicted.size === 0) return first;

  const resolved = await resolveKeys(new ResolutionEvents(parts, open, arriving), distinct, conflicted);
  const changes = new Map<number, number>();
  for (const key of new Set([...conflicted, ...resolved.keys()])) changes.set(key, resolved.get(key) ?? 0);
  return await storedAs(open, deriveSnapshot(UNSTORED, first, changes), distinct);
}

/** No snapshot has this id. */
const UNSTORED = 0;

/** A snapshot with this state: one that there is, or one that differs little from it. */
async function storedAs(
  open: OpenRoom,
  state: Snapshot,
  snapshots: readonly (Snapshot | undefined)[],
): Promise<Snapshot | undefined> {
  const [closest] = [...snapshots, open.state]
    .map((from) => ({ from, changes: snapshotDifference(from, state) }))
    .sort((one, other) => one.changes.size - other.changes.size);
  if (closest === undefined) return undefined;
  return closest.changes.size === 0 ? closest.from : await open.derive(closest.from, closest.changes);
}

/** Runs state resolution and answers the resolved event of each key that can differ between the snapshots. */
async function resolveKeys(
  events: ResolutionEvents,
  snapshots: readonly (Snapshot | undefined)[],
  conflicted: ReadonlySet<number>,
): Promise<Map<number, number>> {
  const entries = snapshots.map((snapshot) => snapshotEntries(snapshot));
  const stateSets = await events.stateSets(entries);
  const authDifference = await events.authDifference(entries, conflicted);
  const resolution = {
    version: events.version,
    stateSets,
    authDifference,
    lookup: (id: EventId) => events.lookup(id),
  };
  // The events that it asks for are few whatever the size of the room: those in conflict and their auth chains.
  for (let ids = eventsToLoad(resolution); ids.length > 0; ids = eventsToLoad(resolution)) await events.load(ids);
  const resolved = resolveState(resolution);
  const unconflicted = new Set([...(entries[0]?.keys() ?? [])].filter((key) => !conflicted.has(key)));
  const keys = [...resolved.keys()];
  const keyNids = await events.stateKeyNids(keys);
  const result = new Map<number, number>();
  for (const [index, key] of keys.entries()) {
    const keyNid = keyNids[index];
    const nid = events.nidOf(resolved.get(key));
    if (keyNid !== undefined && nid !== undefined && !unconflicted.has(keyNid)) result.set(keyNid, nid);
  }
  return result;
}

/** The events of a room under resolution, by id, loaded as they are asked for. */
class ResolutionEvents {
  readonly #parts: RoomParts;
  readonly #open: OpenRoom;
  readonly #known = new Map<EventId, KnownEvent>();
  readonly #nids = new Map<EventId, number>();
  readonly #ids = new Map<number, EventId>();

  readonly #added = new Map<number, NewEvent>();

  constructor(parts: RoomParts, open: OpenRoom, arriving: NewEvent | undefined) {
    this.#parts = parts;
    this.#open = open;
    for (const added of [...open.allAdded(), ...(arriving === undefined ? [] : [arriving])]) {
      this.#added.set(added.nid, added);
      this.#name(added.nid, added.event.eventId);
      this.#known.set(added.event.eventId, { event: added.event, rejected: added.admission === 'rejected' });
    }
  }

  get version(): RoomVersion {
    return this.#open.version;
  }

  lookup(id: EventId): KnownEvent | undefined {
    return this.#known.get(id);
  }

  nidOf(id: EventId | undefined): number | undefined {
    return id === undefined ? undefined : this.#nids.get(id);
  }

  /** @throws Error if one of them is not held: events come in with their auth chains only */
  async load(ids: readonly EventId[]): Promise<void> {
    const stored = await this.#parts.events.byId(ids);
    for (const id of ids) {
      const event = stored.get(id);
      if (event === undefined) throw new Error(`state resolution needs ${id}, which is not held`);
      this.#name(event.nid, id);
      const rejected = event.admission === 'rejected';
      this.#known.set(id, { event: asRuleEvent(event, this.#open.room.roomId), rejected });
    }
  }

  /** Row ids of state keys, in their order. */
  async stateKeyNids(keys: readonly StateKey[]): Promise<number[]> {
    return await this.#parts.stateKeys.intern(keys);
  }

  /** The states with text keys and ids, as the rules know them. */
  async stateSets(entries: readonly ReadonlyMap<number, number>[]): Promise<Map<StateKey, EventId>[]> {
    const keys = await this.#parts.stateKeys.resolve([...new Set(entries.flatMap((state) => [...state.keys()]))]);
    await this.#nameAll([...new Set(entries.flatMap((state) => [...state.values()]))]);
    return entries.map((state) => {
      const set = new Map<StateKey, EventId>();
      for (const [keyNid, nid] of state) {
        const key = keys.get(keyNid);
        const id = this.#ids.get(nid);
        // To go on without it would take it out of the room's state.
        if (key === undefined || id === undefined) throw new Error(`the state holds event ${nid}, which is not stored`);
        set.set(key, id);
      }
      return set;
    });
  }

  /** Events in the auth chains of some of the states but not of all. Only ids are read for it. */
  async authDifference(
    entries: readonly ReadonlyMap<number, number>[],
    conflicted: ReadonlySet<number>,
  ): Promise<Set<EventId>> {
    const shared = [...(entries[0] ?? [])].flatMap(([key, nid]) => (conflicted.has(key) ? [] : [nid]));
    const ofAll = await this.#chain(shared);
    const own = await Promise.all(
      entries.map(async (state) => await this.#chain([...conflicted].flatMap((key) => state.get(key) ?? []))),
    );
    const everywhere = (nid: number) => own.every((chain) => chain.has(nid));
    const different = new Set(own.flatMap((chain) => [...chain]).filter((nid) => !ofAll.has(nid) && !everywhere(nid)));
    await this.#nameAll([...different]);
    return new Set([...different].flatMap((nid) => this.#ids.get(nid) ?? []));
  }

  /** Auth chain of events, through those added in this transaction, the events themselves included. */
  async #chain(start: readonly number[]): Promise<Set<number>> {
    const chain = new Set<number>();
    const stored: number[] = [];
    const waiting = [...start];
    for (let nid = waiting.pop(); nid !== undefined; nid = waiting.pop()) {
      if (chain.has(nid)) continue;
      const added = this.#added.get(nid);
      if (added === undefined) {
        stored.push(nid);
        continue;
      }
      chain.add(nid);
      waiting.push(...added.authEvents);
    }
    for (const nid of await authChain(this.#parts.db, stored)) chain.add(nid);
    return chain;
  }

  async #nameAll(nids: readonly number[]): Promise<void> {
    const unknown = nids.filter((nid) => !this.#ids.has(nid));
    for (const [nid, id] of await eventIdsOf(this.#parts.db, unknown)) this.#name(nid, id);
  }

  #name(nid: number, id: EventId): void {
    this.#ids.set(nid, id);
    this.#nids.set(id, nid);
  }
}
