import { setImmediate } from 'node:timers/promises';
import { authorizeByAuthEvents } from '../protocol/auth-rules.ts';
import type { KnownEvent } from '../protocol/authorization.ts';
import { authEventIds, type Event, type EventId, type StateKey, stateKey } from '../protocol/event.ts';
import type { Admission } from '../storage/events.ts';
import { eventsById } from '../storage/events.ts';
import { type Snapshot, snapshotEntries, snapshotGet } from '../storage/state-snapshots.ts';
import { isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import type { RefusedPdu } from './check-pdu.ts';
import { asRuleEvent } from './event-cache.ts';
import { orderedAfter } from './graph-order.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';
import { withoutTakenIds } from './taken-ids.ts';

/** A room's whole state may come at once: other requests get a turn between so many events. */
const PAUSE_EVERY = 200;
/** After so many events they are sent to Postgres, where the work on the room allows that. */
const SEND_EVERY = 500;

interface Known {
  readonly nid: number;
  readonly event: Event;
  readonly rejected: boolean;
}

/** What a server tells of the state of a room, all of it verified. */
export interface ToldState {
  readonly state: readonly VerifiedPdu[];
  readonly authChain: readonly VerifiedPdu[];
  /** Events of the state that we hold already and that are not among those given. */
  readonly held?: readonly EventId[];
  /** More of the state, of which later pieces are verified while earlier ones are stored. Create events are not among it. */
  readonly arriving?: readonly Promise<readonly (VerifiedPdu | RefusedPdu)[]>[];
}

/** What is known of the room that somebody tells us of. */
interface Picture {
  /** Events that we hold or have just added. */
  readonly known: Map<EventId, Known>;
  create: Event | undefined;
}

/**
 * Stores the state of a room and its auth chain as another server told us (send_join, state, state_ids), without a place in
 * the graph, each event authorised by its own auth events. Events whose auth events are not there, and those that break the
 * rules, do not become part of the state (A1.10, A1.12).
 *
 * @returns the state as a snapshot
 */
export async function storeStateEvents(parts: RoomParts, open: OpenRoom, told: ToldState): Promise<Snapshot> {
  const { state, authChain, held = [], arriving = [] } = told;
  const picture: Picture = { known: new Map(), create: undefined };
  let left = await storeAuthorised(parts, open, picture, [...authChain, ...state], held);
  const ids = [...state.map((pdu) => pdu.eventId), ...held];
  for (const piece of arriving) {
    const events = (await piece).filter(isAdmitted);
    ids.push(...events.map((pdu) => pdu.eventId));
    left = left.concat(await storeAuthorised(parts, open, picture, events));
  }
  // What they rest upon may have come after them.
  if (arriving.length > 0 && left.length > 0) await storeAuthorised(parts, open, picture, left);
  return await snapshotOf(parts, open, ids, picture.known);
}

/** Stores events of an auth chain, each authorised by those before it. */
export async function storeAuthChain(parts: RoomParts, open: OpenRoom, chain: readonly VerifiedPdu[]): Promise<void> {
  await storeAuthorised(parts, open, { known: new Map(), create: undefined }, chain);
}

/** @returns those that were not stored, because auth events of theirs are not known */
async function storeAuthorised(
  parts: RoomParts,
  open: OpenRoom,
  picture: Picture,
  told: readonly VerifiedPdu[],
  alsoWanted: readonly EventId[] = [],
): Promise<VerifiedPdu[]> {
  const { known } = picture;
  const events = await withoutTakenIds(parts, open, told);
  const given = new Map<EventId, VerifiedPdu>(events.map((pdu) => [pdu.eventId, pdu]));
  const outliers = await findHeld(parts, open, picture, given, alsoWanted);
  const fresh = [...given.values()].filter((pdu) => !known.has(pdu.eventId));
  const ordered = orderedAfter(fresh, (event) => authEventIds(event.pdu));
  picture.create ??=
    (await open.stateEvent('m.room.create', '')) ?? onlyCreate([...given.values(), ...eventsOf(known)]);
  const nids = await parts.eventNids.take(ordered.length);
  const keyNids = await internStateKeys(parts, ordered);
  const left: VerifiedPdu[] = [];
  for (const [index, pdu] of ordered.entries()) {
    if (index % PAUSE_EVERY === PAUSE_EVERY - 1) await setImmediate();
    const nid = outliers.get(pdu.eventId) ?? nids[index];
    if (nid === undefined) throw new Error('no event nid');
    const admission = judge(open, pdu, picture);
    if (admission === 'missing') {
      left.push(pdu);
      continue;
    }
    known.set(pdu.eventId, { nid, event: pdu, rejected: admission.admission === 'rejected' });
    open.addAside({
      nid,
      event: pdu,
      ...admission,
      local: false,
      isFromElsewhere: true,
      stateKeyNid: keyNids.get(pdu.eventId) ?? null,
      prevEvents: [],
      missingPrevEvents: [],
      authEvents: authEventIds(pdu.pdu).flatMap((id) => known.get(id)?.nid ?? []),
      stateBefore: undefined,
      stateAfter: undefined,
      roomState: undefined,
      redacts: null,
      deviceId: null,
      transactionId: null,
    });
    if (open.aside.length - open.asideSent >= SEND_EVERY) open.sendAside?.();
  }
  return left;
}

function eventsOf(known: ReadonlyMap<EventId, Known>): Event[] {
  return [...known.values()].map(({ event }) => event);
}

/** The create event among the events of a room that we are about to enter. Two of them would be a forgery: then there is none. */
function onlyCreate(events: readonly Event[]): Event | undefined {
  const creates = new Map(
    events
      .filter(({ pdu }) => pdu.type === 'm.room.create' && pdu.state_key === '')
      .map((event) => [event.eventId, event]),
  );
  return creates.size === 1 ? [...creates.values()][0] : undefined;
}

/**
 * Adds to the picture what we hold of the events and of what they rest upon.
 *
 * @returns the nids of those that we hold and nobody has authorised yet
 */
async function findHeld(
  parts: RoomParts,
  open: OpenRoom,
  { known }: Picture,
  given: ReadonlyMap<EventId, VerifiedPdu>,
  alsoWanted: readonly EventId[],
): Promise<ReadonlyMap<EventId, number>> {
  const wanted = new Set<EventId>([...given.keys(), ...alsoWanted]);
  for (const { pdu } of given.values()) for (const id of authEventIds(pdu)) wanted.add(id);
  const unknown = [...wanted].filter((id) => !known.has(id));
  const outliers = new Map<EventId, number>();
  for (const stored of await eventsById(parts.db, unknown)) {
    if (stored.roomNid !== open.room.nid) continue;
    const event = asRuleEvent(stored, open.room.roomId);
    if (stored.admission === 'outlier') outliers.set(stored.eventId, stored.nid);
    else known.set(stored.eventId, { nid: stored.nid, event, rejected: stored.admission === 'rejected' });
  }
  for (const id of unknown) {
    const added = open.addedById(id);
    if (added !== undefined)
      known.set(id, { nid: added.nid, event: added.event, rejected: added.admission === 'rejected' });
  }
  return outliers;
}

async function internStateKeys(
  parts: RoomParts,
  events: readonly VerifiedPdu[],
): Promise<Map<EventId, number | undefined>> {
  const stateEvents = events.filter(({ pdu }) => pdu.state_key !== undefined);
  const nids = await parts.stateKeys.intern(stateEvents.map(({ pdu }) => stateKey(pdu.type, pdu.state_key ?? '')));
  return new Map(stateEvents.map((pdu, index) => [pdu.eventId, nids[index]]));
}

function judge(
  open: OpenRoom,
  pdu: VerifiedPdu,
  { known, create }: Picture,
): { admission: Admission; reason: string | null } | 'missing' {
  if (pdu.pdu.type === 'm.room.create' && pdu.eventId !== create?.eventId)
    return { admission: 'rejected', reason: 'another create event' };
  const authEvents: KnownEvent[] = [];
  for (const id of authEventIds(pdu.pdu)) {
    const auth = known.get(id);
    if (auth === undefined) return 'missing';
    authEvents.push({ event: auth.event, rejected: auth.rejected });
  }
  const verdict = authorizeByAuthEvents(pdu, open.version, { authEvents, create, signers: pdu.signers });
  return verdict.allowed
    ? { admission: 'accepted', reason: null }
    : { admission: 'rejected', reason: `auth events: ${verdict.reason}` };
}

async function snapshotOf(
  parts: RoomParts,
  open: OpenRoom,
  state: readonly EventId[],
  known: ReadonlyMap<EventId, Known>,
): Promise<Snapshot> {
  const byKey = new Map<StateKey, number>();
  for (const eventId of state) {
    const event = known.get(eventId);
    const pdu = event?.event.pdu;
    if (event === undefined || event.rejected || pdu?.state_key === undefined) continue;
    byKey.set(stateKey(pdu.type, pdu.state_key), event.nid);
  }
  const keyNids = await parts.stateKeys.intern([...byKey.keys()]);
  const entries = new Map([...byKey.values()].map((nid, index) => [keyNids[index] ?? 0, nid]));
  // Most of it is what we have: only the difference is stored.
  const base = open.state ?? open.stateAtOpening;
  const changes = new Map<number, number>();
  for (const [key, nid] of snapshotEntries(base)) if (entries.get(key) !== nid) changes.set(key, entries.get(key) ?? 0);
  for (const [key, nid] of entries) if (snapshotGet(base, key) !== nid) changes.set(key, nid);
  return base !== undefined && changes.size === 0 ? base : await open.derive(base, changes);
}
