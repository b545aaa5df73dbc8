import { authEventKeys } from '../protocol/auth-events.ts';
import type { KnownEvent } from '../protocol/authorization.ts';
import { type EventId, type StateKey, stateKey } from '../protocol/event.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { eventsToLoad, type Resolution, resolveState } from '../protocol/state-resolution.ts';
import { eventIdsOf, type StoredEvent } from '../storage/events.ts';
import {
  deriveSnapshot,
  type Snapshot,
  snapshotDifference,
  snapshotEntries,
  snapshotGet,
} from '../storage/state-snapshots.ts';
import { authDifference } from './auth-difference.ts';
import { asRuleEvent } from './event-cache.ts';
import type { NewEvent } from './new-event.ts';
import type { OpenRoom } from './open-room.ts';
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

  const key = distinct.map((snapshot) => snapshot?.id ?? UNSTORED).sort((one, other) => one - other);
  const earlier = await resolvedEarlier(parts, open, key.join());
  if (earlier !== undefined) return earlier;
  const resolved = await resolveKeys(new ResolutionEvents(parts, open, arriving), distinct, conflicted);
  const changes = new Map<number, number>();
  for (const key of new Set([...conflicted, ...resolved.keys()])) changes.set(key, resolved.get(key) ?? 0);
  const state = await storedAs(open, deriveSnapshot(UNSTORED, first, changes), distinct);
  if (state !== undefined) remember(parts, open, key.join(), state);
  return state;
}

/** While branches stay open, every message on one of them asks for the same state. */
async function resolvedEarlier(parts: RoomParts, open: OpenRoom, key: string): Promise<Snapshot | undefined> {
  const stored = parts.snapshots.resolutions.get(key);
  return stored === undefined ? open.newResolutions.get(key) : await parts.snapshots.load(stored);
}

function remember({ snapshots }: RoomParts, open: OpenRoom, key: string, state: Snapshot): void {
  // What this transaction has made may never be stored.
  if (open.newSnapshots.some(({ id }) => id === state.id)) open.newResolutions.set(key, state);
  else snapshots.resolutions.set(key, state.id);
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

/**
 * Runs state resolution and answers the resolved event of each key that can differ between the snapshots. Of what they agree on
 * it sees what the events in question are judged by: the cost does not depend on how many members the room has.
 */
async function resolveKeys(
  events: ResolutionEvents,
  snapshots: readonly (Snapshot | undefined)[],
  conflicted: ReadonlySet<number>,
): Promise<Map<number, number>> {
  const difference = await events.authDifference(snapshots, conflicted);
  const keys = new Set(conflicted);
  let resolution: Resolution;
  let known: number;
  do {
    known = keys.size;
    resolution = {
      version: events.version,
      stateSets: await events.stateSets(snapshots, keys),
      authDifference: difference,
      lookup: (id: EventId) => events.lookup(id),
    };
    await events.loadFor(resolution);
    for (const key of await events.judgingKeys()) keys.add(key);
  } while (keys.size > known);
  const resolved = resolveState(resolution);
  const keyNids = await events.stateKeyNids([...resolved.keys()]);
  const result = new Map<number, number>();
  for (const [index, id] of [...resolved.values()].entries()) {
    const keyNid = keyNids[index];
    const nid = events.nidOf(id);
    if (keyNid === undefined || nid === undefined) continue;
    if (conflicted.has(keyNid) || snapshotGet(snapshots[0], keyNid) === undefined) result.set(keyNid, nid);
  }
  return result;
}

/** Auth chains that are longer are loaded as a whole, not step by step. */
const MOST_STEPS = 8;

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

  /** Loads what the resolution looks up: those in conflict and their auth chains. */
  async loadFor(resolution: Resolution): Promise<void> {
    let steps = 0;
    for (let ids = eventsToLoad(resolution); ids.length > 0; ids = eventsToLoad(resolution))
      await this.#load(ids, ++steps > MOST_STEPS);
  }

  /** @throws Error if one of them is not held: events come in with their auth chains only */
  async #load(ids: readonly EventId[], withAuthChains: boolean): Promise<void> {
    const stored = await this.#parts.events.byId(ids);
    for (const id of ids) {
      const event = stored.get(id);
      if (event === undefined) throw new Error(`state resolution needs ${id}, which is not held`);
      this.#know(event);
    }
    if (!withAuthChains) return;
    const nids = [...stored.values()].map((event) => event.nid);
    for (const event of (await this.#parts.events.authChainsOf(nids)).values()) this.#know(event);
  }

  #know(event: StoredEvent): void {
    if (this.#known.has(event.eventId)) return;
    this.#name(event.nid, event.eventId);
    const rejected = event.admission === 'rejected';
    this.#known.set(event.eventId, { event: asRuleEvent(event, this.#open.room.roomId), rejected });
  }

  /** Row ids of state keys, in their order. */
  async stateKeyNids(keys: readonly StateKey[]): Promise<number[]> {
    return await this.#parts.stateKeys.intern(keys);
  }

  /** Row ids of the state keys that the auth rules judge the known events by. */
  async judgingKeys(): Promise<number[]> {
    const keys = new Set<StateKey>([stateKey('m.room.create', '')]);
    for (const { event } of this.#known.values())
      for (const key of authEventKeys(event.pdu, this.version)) keys.add(key);
    return [...(await this.#parts.stateKeys.find([...keys])).values()];
  }

  /** What the states have for some keys, with text keys and ids, as the rules know them. */
  async stateSets(
    snapshots: readonly (Snapshot | undefined)[],
    keyNids: ReadonlySet<number>,
  ): Promise<Map<StateKey, EventId>[]> {
    const keys = await this.#parts.stateKeys.resolve([...keyNids]);
    const entries = snapshots.map((snapshot) => [...keyNids].map((key) => [key, snapshotGet(snapshot, key)] as const));
    await this.#nameAll([...new Set(entries.flatMap((state) => state.flatMap(([, nid]) => nid ?? [])))]);
    return entries.map((state) => {
      const set = new Map<StateKey, EventId>();
      for (const [keyNid, nid] of state) {
        if (nid === undefined) continue;
        const key = keys.get(keyNid);
        const id = this.#ids.get(nid);
        // To go on without it would take it out of the room's state.
        if (key === undefined || id === undefined) throw new Error(`the state holds event ${nid}, which is not stored`);
        set.set(key, id);
      }
      return set;
    });
  }

  /** Events in the auth chains of some of the states but not of all. */
  async authDifference(
    snapshots: readonly (Snapshot | undefined)[],
    conflicted: ReadonlySet<number>,
  ): Promise<Set<EventId>> {
    // The first version of the algorithm does not look at it.
    if (this.version.stateResolution === 'v1') return new Set();
    const own = snapshots.map((state) => [...conflicted].flatMap((key) => snapshotGet(state, key) ?? []));
    const shared = () => [...snapshotEntries(snapshots[0])].flatMap(([key, nid]) => (conflicted.has(key) ? [] : [nid]));
    const findReach = (nids: readonly number[]) => this.#open.authReach(nids);
    const different = await authDifference(this.#parts.db, this.#added, own, shared, findReach);
    await this.#nameAll([...different]);
    return new Set([...different].flatMap((nid) => this.#ids.get(nid) ?? []));
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
