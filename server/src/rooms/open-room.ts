import { LruCache } from '../base/lru-cache.ts';
import { authEventKeys } from '../protocol/auth-events.ts';
import { authorize } from '../protocol/auth-rules.ts';
import { authStateOf } from '../protocol/authorization.ts';
import { forbidden } from '../protocol/errors.ts';
import { type Event, type EventId, type Pdu, type ServerName, type StateKey, stateKey } from '../protocol/event.ts';
import { hashAndSignEvent, type SignedEvent, type UnsignedPdu } from '../protocol/event-signing.ts';
import { nearestSafeInteger } from '../protocol/json.ts';
import { type RoomVersion, roomVersion } from '../protocol/room-versions.ts';
import { type AuthReach, authReach } from '../storage/auth-chains.ts';
import type { Transaction } from '../storage/database.ts';
import type { StoredEvent } from '../storage/events.ts';
import type { RoomHeadRow, RoomRow } from '../storage/rooms.ts';
import { deriveSnapshot, type Snapshot, snapshotGet } from '../storage/state-snapshots.ts';
import { asRuleEvent } from './event-cache.ts';
import { MOST_PREV_EVENTS, templateOf } from './event-template.ts';
import type { Draft, NewEvent } from './new-event.ts';
import { awaitPolicyServer } from './policy-server.ts';
import type { RoomParts } from './room-parts.ts';

export interface Extremity {
  readonly nid: number;
  readonly eventId: EventId;
  readonly depth: number;
}

interface Checkpoint {
  readonly extremities: readonly Extremity[];
  readonly depth: number;
  readonly state: Snapshot | undefined;
  readonly added: number;
  readonly aside: number;
  readonly backfilled: number;
  readonly snapshots: number;
  readonly transactions: number;
  readonly alongside: number;
}

/** Numbers of chains and of events that are kept in memory while a room is open. */
const REMEMBERED_CHAINS = 100_000;

/**
 * A room whose row is locked by the running transaction: the one place where events are attached to a room. Nothing is
 * written before `persist`, but for events that stand aside where the work has the transaction to itself (`sendAside`); until
 * then a checkpoint can be restored.
 */
export class OpenRoom {
  /** This server. */
  readonly serverName: ServerName;
  readonly room: RoomRow;
  /** As it stands in the database, or will once the room that this one continues is written. */
  readonly headAtOpening: RoomHeadRow;
  readonly version: RoomVersion;
  /** State when the room was opened. */
  readonly stateAtOpening: Snapshot | undefined;
  readonly added: NewEvent[] = [];
  /** Events without a place in the graph: auth chains and state that other servers told us. */
  readonly aside: NewEvent[] = [];
  /** Events of the graph from before what we had, newest first. */
  readonly backfilled: NewEvent[] = [];
  readonly newSnapshots: Snapshot[] = [];
  /** Those of them that others resolve to (see `resolve-state.ts`). */
  readonly newResolutions = new Map<string, Snapshot>();
  readonly transactions: { key: Buffer; eventId: string }[] = [];
  /** How many of `aside` have been sent to Postgres already: they cannot be taken back but with the whole transaction. */
  asideSent = 0;
  /** Sends what has been added aside so far. Left out where work of others shares the transaction. */
  sendAside: (() => void) | undefined;
  /** Further statements that stand or fall with the events. */
  readonly alongside: ((tx: Transaction) => void)[] = [];
  #extremities: readonly Extremity[];
  #depth: number;
  #state: Snapshot | undefined;
  readonly #parts: RoomParts;
  readonly #byNid = new Map<number, NewEvent>();
  readonly #byId = new Map<EventId, NewEvent>();
  /** What stored events rest upon. While branches are open, each event on them asks for much the same. */
  readonly #authReaches = new LruCache<string, AuthReach>(REMEMBERED_CHAINS);
  /** What the room that this one continues has added. */
  #before: ReadonlyMap<number, NewEvent> = new Map();

  private constructor(
    parts: RoomParts,
    head: RoomHeadRow,
    extremities: readonly Extremity[],
    state: Snapshot | undefined,
  ) {
    this.#parts = parts;
    this.serverName = parts.serverName;
    this.room = head;
    this.headAtOpening = head;
    const version = roomVersion(head.version);
    if (version === undefined) throw new Error(`room ${head.roomId} has the unknown version ${head.version}`);
    this.version = version;
    this.#extremities = extremities;
    this.#depth = head.depth;
    this.#state = state;
    this.stateAtOpening = state;
  }

  static async open(parts: RoomParts, head: RoomHeadRow): Promise<OpenRoom> {
    const [stored, state] = await Promise.all([
      parts.events.byNid(head.extremities),
      head.currentState === null ? undefined : parts.snapshots.load(head.currentState),
    ]);
    const extremities = head.extremities.map((nid) => {
      const event = stored.get(nid);
      if (event === undefined) throw new Error(`extremity ${nid} of ${head.roomId} is missing`);
      return { nid, eventId: event.eventId, depth: event.depth };
    });
    return new OpenRoom(parts, head, extremities, state);
  }

  get extremities(): readonly Extremity[] {
    return this.#extremities;
  }

  /** The head of the room once what has been added is written. */
  head(): RoomHeadRow {
    const { nid, roomId, version } = this.room;
    return {
      nid,
      roomId,
      version,
      extremities: this.#extremities.map((extremity) => extremity.nid),
      depth: this.#depth,
      currentState: this.#state?.id ?? null,
    };
  }

  /** Whether nothing but messages of local users has been added. */
  hasOnlyMessages(): boolean {
    const isMessage = ({ local, stateKeyNid, redacts }: NewEvent) => local && stateKeyNid === null && redacts === null;
    return this.added.length === this.#byNid.size && this.alongside.length === 0 && this.added.every(isMessage);
  }

  /** The room as it will be once what has been added is written, to go on with before that; for the rest see `hasOnlyMessages`. */
  continued(): OpenRoom {
    const room = new OpenRoom(this.#parts, this.head(), this.#extremities, this.#state);
    room.#before = this.#byNid;
    return room;
  }

  get depth(): number {
    return this.#depth;
  }

  /** Current state: resolved over all extremities. */
  get state(): Snapshot | undefined {
    return this.#state;
  }

  checkpoint(): Checkpoint {
    return {
      extremities: this.#extremities,
      depth: this.#depth,
      state: this.#state,
      added: this.added.length,
      aside: this.aside.length,
      backfilled: this.backfilled.length,
      snapshots: this.newSnapshots.length,
      transactions: this.transactions.length,
      alongside: this.alongside.length,
    };
  }

  restore(checkpoint: Checkpoint): void {
    if (this.asideSent > checkpoint.aside) throw new Error('what has been sent to Postgres cannot be taken back');
    this.#extremities = checkpoint.extremities;
    this.#depth = checkpoint.depth;
    this.#state = checkpoint.state;
    const undone = [
      ...this.added.splice(checkpoint.added),
      ...this.aside.splice(checkpoint.aside),
      ...this.backfilled.splice(checkpoint.backfilled),
    ];
    for (const { nid } of undone) this.#byNid.delete(nid);
    for (const { event } of undone) this.#byId.delete(event.eventId);
    this.newSnapshots.length = checkpoint.snapshots;
    this.newResolutions.clear();
    this.transactions.length = checkpoint.transactions;
    this.alongside.length = checkpoint.alongside;
  }

  /** Events of a state for the given keys, those added a moment ago included. */
  async stateEvents(keys: readonly StateKey[], state = this.#state): Promise<Map<StateKey, StoredOrNew>> {
    const nids = await this.#parts.stateKeys.find(keys);
    const wanted = new Map<StateKey, number>();
    for (const [key, keyNid] of nids) {
      const eventNid = snapshotGet(state, keyNid);
      if (eventNid !== undefined) wanted.set(key, eventNid);
    }
    const found = await this.eventsByNid([...wanted.values()]);
    const result = new Map<StateKey, StoredOrNew>();
    for (const [key, nid] of wanted) {
      const event = found.get(nid);
      if (event !== undefined) result.set(key, event);
    }
    return result;
  }

  async stateEvent(type: string, key: string): Promise<Event | undefined> {
    return [...(await this.stateEvents([stateKey(type, key)])).values()][0]?.event;
  }

  async eventsByNid(nids: readonly number[]): Promise<Map<number, StoredOrNew>> {
    const found = new Map<number, StoredOrNew>();
    const stored: number[] = [];
    for (const nid of nids) {
      const fresh = this.#byNid.get(nid) ?? this.#before.get(nid);
      if (fresh !== undefined) found.set(nid, { nid, event: fresh.event });
      else stored.push(nid);
    }
    for (const [nid, event] of await this.#parts.events.byNid(stored))
      found.set(nid, { nid, event: asRuleEvent(event, this.room.roomId), stored: event });
    return found;
  }

  /**
   * Builds, signs and authorises an event of a local user on top of the room, in the current state.
   *
   * @throws MatrixError M_FORBIDDEN when the room's rules refuse it, M_TOO_LARGE when it is too big
   */
  async append(draft: Draft): Promise<Event> {
    const { pdu, authEvents, authState } = await templateOf(this, draft, this.#parts.clock.now());
    const signed = hashAndSignEvent(pdu, this.version, this.#parts.serverName, this.#parts.signingKey);
    await awaitPolicyServer(this.#parts, this, signed, draft);
    return await this.appendSigned(signed, draft, authEvents, authState);
  }

  /** The unsigned event for a draft, as `make_join` and its kin hand it out too. */
  async template(draft: Draft): Promise<UnsignedPdu> {
    return (await templateOf(this, draft, this.#parts.clock.now())).pdu;
  }

  /** Authorises an event that is already signed against the state given and attaches it. */
  async appendSigned(
    signed: SignedEvent,
    draft: Pick<Draft, 'deviceId' | 'transactionId' | 'redacts'>,
    authEvents: readonly number[],
    authState: ReadonlyMap<StateKey, Event>,
  ): Promise<Event> {
    const decision = authorize(signed, this.version, authStateOf(authState));
    if (!decision.allowed) throw forbidden(decision.reason);
    const { pdu } = signed;
    const [nid] = await this.#parts.eventNids.take(1);
    if (nid === undefined) throw new Error('no event nid');
    const stateBefore = this.#state;
    const keyNid = await this.#internStateKey(pdu);
    const stateAfter = keyNid === null ? stateBefore : await this.derive(stateBefore, new Map([[keyNid, nid]]));
    this.attach({
      nid,
      event: signed,
      admission: 'accepted',
      reason: null,
      local: true,
      isFromElsewhere: false,
      stateKeyNid: keyNid,
      prevEvents: this.#extremities.slice(0, MOST_PREV_EVENTS).map((prev) => prev.nid),
      missingPrevEvents: [],
      authEvents,
      stateBefore,
      stateAfter,
      roomState: stateAfter,
      redacts: draft.redacts ?? null,
      deviceId: draft.deviceId ?? null,
      transactionId: draft.transactionId ?? null,
    });
    return signed;
  }

  /** Whether the room's current state allows the event. @throws MatrixError M_FORBIDDEN if it does not */
  async check(event: Event): Promise<void> {
    const keys = [stateKey('m.room.create', ''), ...authEventKeys(event.pdu, this.version)];
    const state = new Map([...(await this.stateEvents(keys))].map(([key, found]) => [key, found.event]));
    const decision = authorize(event, this.version, authStateOf(state));
    if (!decision.allowed) throw forbidden(decision.reason);
  }

  async #internStateKey(pdu: Pdu): Promise<number | null> {
    if (pdu.state_key === undefined) return null;
    const [nid] = await this.#parts.stateKeys.intern([stateKey(pdu.type, pdu.state_key)]);
    return nid ?? null;
  }

  /** A new snapshot that follows `from`, to be written with the room. */
  async derive(from: Snapshot | undefined, changes: ReadonlyMap<number, number>): Promise<Snapshot> {
    const [id] = await this.#parts.snapshots.ids.take(1);
    if (id === undefined) throw new Error('no snapshot id');
    const snapshot = deriveSnapshot(id, from, changes);
    this.newSnapshots.push(snapshot);
    return snapshot;
  }

  /** `authReach` of events that are stored, remembered: rows of that index never change. */
  async authReach(nids: readonly number[]): Promise<AuthReach> {
    const key = [...nids].sort((one, other) => one - other).join();
    const known = this.#authReaches.get(key);
    if (known !== undefined) return known;
    const reach = await authReach(this.#parts.db, nids);
    this.#authReaches.set(key, reach, reach.size + nids.length);
    return reach;
  }

  /** Lets go of the head at which this server was last in the room: the room has gone on elsewhere since. */
  startAfresh(): void {
    this.#extremities = [];
    this.#state = undefined;
  }

  /** Adds an event that is to be held without a place in the graph. */
  addAside(event: NewEvent): void {
    this.aside.push(event);
    this.#byNid.set(event.nid, event);
    this.#byId.set(event.event.eventId, event);
  }

  /**
   * Adds an event of the graph from before what we had. The current state does not change, and of the extremities only those
   * fall that it turns out to come after.
   */
  addBackfilled(event: NewEvent): void {
    this.backfilled.push(event);
    this.#byNid.set(event.nid, event);
    this.#byId.set(event.event.eventId, event);
    if (event.admission !== 'accepted') return;
    const replaced = new Set(event.prevEvents);
    this.#extremities = this.#extremities.filter((extremity) => !replaced.has(extremity.nid));
  }

  /** An event added in this transaction, in whatever way. */
  addedByNid(nid: number): NewEvent | undefined {
    return this.#byNid.get(nid);
  }

  /** The same by its id. */
  addedById(eventId: EventId): NewEvent | undefined {
    return this.#byId.get(eventId);
  }

  hasChanged(): boolean {
    return this.#byNid.size > 0;
  }

  /** All that has been added in this transaction. */
  allAdded(): Iterable<NewEvent> {
    return this.#byNid.values();
  }

  /**
   * Adds an event with everything decided about it.
   *
   * @param extremity false when some event of ours already names it as previous
   * @param replaced extremities that it takes the place of; its previous events where left out
   */
  attach(event: NewEvent, replaced: Iterable<number> = event.prevEvents, extremity = true): void {
    this.added.push(event);
    this.#byNid.set(event.nid, event);
    this.#byId.set(event.event.eventId, event);
    const { pdu, eventId } = event.event;
    if (event.admission === 'rejected' || event.admission === 'outlier') return;
    // A soft-failed event is not built upon: it neither becomes an extremity nor takes one's place.
    if (event.admission === 'soft_failed') return;
    const ends = new Set(replaced);
    this.#extremities = [
      ...this.#extremities.filter((end) => !ends.has(end.nid)),
      ...(extremity ? [{ nid: event.nid, eventId, depth: nearestSafeInteger(pdu.depth) }] : []),
    ];
    this.#depth = Math.max(this.#depth, nearestSafeInteger(pdu.depth));
    this.#state = event.roomState;
  }
}

/** An event for the rules, from the database or from this transaction. */
export interface StoredOrNew {
  readonly nid: number;
  readonly event: Event;
  readonly stored?: StoredEvent;
}
