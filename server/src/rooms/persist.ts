import { setImmediate } from 'node:timers/promises';
import type { EventId, UserId } from '../protocol/event.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, nearestSafeInteger } from '../protocol/json.ts';
import { insertAuthChains, placeInAuthChains } from '../storage/auth-chains.ts';
import { insertTransactions } from '../storage/client-transactions.ts';
import { type StateChange, writeCurrentState } from '../storage/current-state.ts';
import type { Database, Transaction } from '../storage/database.ts';
import {
  type EventRow,
  insertBackfilledEvents,
  insertEventsAside,
  insertLiveEvents,
  type StoredEvent,
} from '../storage/events.ts';
import {
  countServers,
  type MemberCountChange,
  type MembershipState,
  type NewMembership,
  writeMemberships,
} from '../storage/memberships.ts';
import { writeMessages } from '../storage/messages.ts';
import {
  fillMissingPrevEvents,
  insertMissingPrevEvents,
  type MissingPrevEvent,
} from '../storage/missing-prev-events.ts';
import { applyWaitingRedactions, insertWaitingRedactions } from '../storage/redactions.ts';
import { type HeadChange, updateHeads } from '../storage/rooms.ts';
import { insertSnapshots, snapshotDifference, snapshotGet } from '../storage/state-snapshots.ts';
import { insertToldStates } from '../storage/told-states.ts';
import type { NewEvent } from './new-event.ts';
import type { OpenRoom } from './open-room.ts';

/** Where an accepted event has ended up. */
export interface Persisted {
  readonly added: NewEvent;
  readonly room: OpenRoom;
  /** Log position, and place in the room's timeline. */
  readonly position: number;
  /** As it can be read back. */
  readonly stored: StoredEvent;
}

export function toEventRow(added: NewEvent, roomNid: number): EventRow {
  const { pdu, eventId } = added.event;
  const relation = pdu.state_key === undefined ? pdu.content['m.relates_to'] : undefined;
  const relatesTo = isJsonObject(relation) && typeof relation.event_id === 'string' ? relation.event_id : null;
  const relationType = isJsonObject(relation) && typeof relation.rel_type === 'string' ? relation.rel_type : null;
  const related = relatesTo !== null && relationType !== null && relatesTo.length <= 255 && relationType.length <= 255;
  return {
    nid: added.nid,
    eventId,
    roomNid,
    admission: added.admission,
    type: pdu.type,
    stateKeyNid: added.stateKeyNid,
    sender: pdu.sender,
    depth: nearestSafeInteger(pdu.depth),
    originServerTs: nearestSafeInteger(pdu.origin_server_ts),
    local: added.local,
    prevEvents: added.prevEvents,
    authEvents: added.authEvents,
    stateBefore: added.stateBefore?.id ?? null,
    stateAfter: added.stateAfter?.id ?? null,
    roomState: added.roomState?.id ?? null,
    relatesTo: related ? relatesTo : null,
    relationType: related ? relationType : null,
    deviceId: added.deviceId,
    transactionId: added.transactionId,
    reason: added.reason,
    pdu: added.event.json,
  };
}

function toStored(added: NewEvent, roomNid: number, position: number): StoredEvent {
  return {
    ...toEventRow(added, roomNid),
    position,
    redactedBy: null,
    pdu: added.event.pdu,
  };
}

/** Events in one statement of many. */
const PIECE = 1_000;

const MEMBERSHIPS: ReadonlySet<unknown> = new Set(['join', 'invite', 'leave', 'ban', 'knock']);

/**
 * The membership that a member event makes, with the fields of its content that have the right types.
 *
 * @param place among the entries appended to the log in the same transaction
 */
export function toNewMembership(
  roomNid: number,
  eventNid: number,
  pdu: NewEvent['event']['pdu'],
  place: number,
): NewMembership | undefined {
  if (pdu.type !== 'm.room.member' || pdu.state_key === undefined || !MEMBERSHIPS.has(pdu.content.membership)) return;
  const { displayname, avatar_url: avatarUrl } = pdu.content;
  const userId = pdu.state_key as UserId;
  return {
    roomNid,
    userId,
    membership: pdu.content.membership as MembershipState,
    eventNid,
    sender: pdu.sender,
    server: serverNameOf(userId),
    place,
    displayName: typeof displayname === 'string' ? displayname.slice(0, 1000) : null,
    avatarUrl: typeof avatarUrl === 'string' ? avatarUrl.slice(0, 1000) : null,
    strippedState: null,
    via: null,
  };
}

/**
 * Writes all that has been added to the rooms: the only writer of events that have a place in a room's graph. Runs inside
 * the transaction that holds the locks of the rooms. Those statements that lock the log are sent at once and answered with the
 * commit, so that it is locked for no longer than they take.
 *
 * @param origin of the follower that the caller offers to what has been written
 * @returns what has been written, with its positions: fulfilled once the transaction has committed
 */
export async function persist(
  tx: Transaction,
  rooms: readonly OpenRoom[],
  origin: string,
): Promise<() => Promise<Persisted[]>> {
  const changed = rooms.filter((room) => room.hasChanged());
  if (changed.length === 0) return async () => [];
  const of = (events: (room: OpenRoom) => readonly NewEvent[]) =>
    changed.flatMap((room) => events(room).map((added) => ({ room, added })));
  const backfilled = of((room) => room.backfilled);
  const added = of((room) => room.added);
  const accepted = ({ added: { admission } }: Added) => admission === 'accepted';
  const live = added.filter(accepted);
  const refused = [...backfilled, ...added].filter((event) => !accepted(event));
  const [state, chains] = await Promise.all([
    changedState(changed, live),
    placeInAuthChains(tx, changed.flatMap(withAuthChainPlace)),
  ]);

  // What may be large and names no position of the log comes first.
  await insertAside(tx, [...of((room) => room.aside.slice(room.asideSent)), ...refused]);
  insertSnapshots(
    tx,
    changed.flatMap((room) => room.newSnapshots),
  );
  insertAuthChains(tx, chains);
  writeCurrentState(tx, state.changes);
  writeMemberships(
    tx,
    state.bystanders.map((membership) => ({ ...membership, place: 0 })),
    0,
  );
  insertBackfilledEvents(tx, toRows(backfilled.filter(accepted)));
  insertTransactions(
    tx,
    changed.flatMap((room) => room.transactions),
  );

  // From here on the log is locked, and nothing is waited for.
  const first = live.length === 0 ? Promise.resolve(0) : insertLiveEvents(tx, toRows(live), live.map(memberOf), origin);
  writeEdges(tx, backfilled, added);
  updateHeads(
    tx,
    changed.map((room) => headChange(room, live)),
    live.length,
  );
  writeMemberships(tx, state.memberships, live.length);
  countServers(tx, state.counts, live.length);
  applyRedactions(tx, [...backfilled, ...live]);
  for (const room of changed) for (const write of room.alongside) write(tx);
  return async () => toPersisted(live, await first);
}

/** Sends what has been added aside ahead of `persist`, so that Postgres is at work on it while more is added. */
export function sendAside(tx: Transaction, room: OpenRoom): void {
  const unsent = room.aside.slice(room.asideSent);
  insertEventsAside(
    tx,
    unsent.map((added) => toEventRow(added, room.room.nid)),
  );
  room.asideSent += unsent.length;
}

/** A room's whole state may come at once: while Postgres is at work on one piece, others get a turn and the next is made. */
async function insertAside(tx: Transaction, events: readonly Added[]): Promise<void> {
  for (let from = 0; from < events.length; from += PIECE) {
    if (from > 0) await setImmediate();
    insertEventsAside(tx, toRows(events.slice(from, from + PIECE)));
  }
}

/**
 * Writes messages that have been added to rooms of which `OpenRoom.hasOnlyMessages` holds, if these are still as they were when
 * they were opened: see `writeMessages` for what it throws. It is a transaction of its own.
 */
export async function persistMessages(
  db: Database,
  rooms: readonly OpenRoom[],
  tokens: readonly number[],
  origin: string,
): Promise<Persisted[]> {
  const changed = rooms.filter((room) => room.hasChanged());
  if (changed.length === 0) return [];
  if (!changed.every((room) => room.hasOnlyMessages())) throw new Error('there is more to write than messages');
  const live = changed.flatMap((room) => room.added.map((added) => ({ room, added })));
  const batch = {
    events: toRows(live),
    rooms: changed.map((room) => ({ before: room.headAtOpening, change: headChange(room, live) })),
    transactions: changed.flatMap((room) => room.transactions),
    tokens,
  };
  return toPersisted(live, await writeMessages(db, batch, origin));
}

/**
 * State events that others can rest upon, each after its auth events. What was added twice counts if it was accepted once: what
 * others told us may be refused where it stands in the graph.
 */
function withAuthChainPlace(room: OpenRoom): NewEvent[] {
  const isGood = ({ admission }: NewEvent) => admission === 'accepted' || admission === 'soft_failed';
  const good = new Set([...room.aside, ...room.backfilled, ...room.added].filter(isGood).map((event) => event.nid));
  return [...room.allAdded()].filter(({ nid, stateKeyNid }) => stateKeyNid !== null && good.has(nid));
}

interface Added {
  readonly room: OpenRoom;
  readonly added: NewEvent;
}

function toRows(events: readonly Added[]): EventRow[] {
  return events.map(({ room, added }) => toEventRow(added, room.room.nid));
}

function memberOf({ added: { event } }: Added): string | null {
  return event.pdu.type === 'm.room.member' ? (event.pdu.state_key ?? null) : null;
}

function toPersisted(live: readonly Added[], first: number): Persisted[] {
  return live.map(({ room, added }, index) => {
    const position = first + index;
    return { room, added, position, stored: toStored(added, room.room.nid, position) };
  });
}

function headChange(room: OpenRoom, live: readonly Added[]): HeadChange {
  const last = live.findLastIndex((event) => event.room === room) + 1;
  const lastLocal = live.findLastIndex((event) => event.room === room && event.added.local) + 1;
  return {
    nid: room.room.nid,
    extremities: room.extremities.map((extremity) => extremity.nid),
    depth: room.depth,
    currentState: room.state?.id ?? null,
    lastPlace: last === 0 ? null : last,
    lastLocalPlace: lastLocal === 0 ? null : lastLocal,
  };
}

function writeEdges(tx: Transaction, backfilled: readonly Added[], added: readonly Added[]): void {
  insertMissingPrevEvents(tx, [
    ...backfilled.flatMap((event) => missingPrevs(event, true)),
    ...added.flatMap((event) => missingPrevs(event, event.added.admission === 'accepted')),
  ]);
  insertToldStates(
    tx,
    added.flatMap(({ room, added: { nid, toldInPlaceOf = [] } }) =>
      toldInPlaceOf.map((missing) => ({ eventNid: nid, roomNid: room.room.nid, missing })),
    ),
  );
  const remote = [...backfilled, ...added].filter((event) => event.added.isFromElsewhere);
  fillMissingPrevEvents(
    tx,
    remote.map(({ room, added }) => ({ roomNid: room.room.nid, eventId: added.event.eventId })),
  );
}

function missingPrevs({ room, added }: Added, leadsBack: boolean): MissingPrevEvent[] {
  const named = { roomNid: room.room.nid, referencedBy: added.nid, leadsBack };
  return added.missingPrevEvents.map((eventId) => ({ ...named, eventId }));
}

interface ChangedState {
  readonly changes: StateChange[];
  readonly memberships: NewMembership[];
  /**
   * Members of other servers who came before the events that are written: whoever enters a room finds so many of them that the
   * log must not be locked while they are written. At which position of it they came matters to nobody.
   */
  readonly bystanders: NewMembership[];
  readonly counts: MemberCountChange[];
}

/** What changes in the current state of the rooms, and which memberships with it. */
async function changedState(rooms: readonly OpenRoom[], live: readonly Added[]): Promise<ChangedState> {
  const all: ChangedState = { changes: [], memberships: [], bystanders: [], counts: [] };
  const places = new Map(live.map((event, index) => [event.added.nid, index + 1]));
  for (const room of rooms) {
    const difference = snapshotDifference(room.stateAtOpening, room.state);
    if (difference.size === 0) continue;
    for (const [stateKeyNid, eventNid] of difference)
      all.changes.push({ roomNid: room.room.nid, stateKeyNid, eventNid });
    // An older event that state resolution brought back counts from the event that led to it.
    const last = live.findLastIndex((event) => event.room === room) + 1;
    const nids = [...difference.values()].filter((nid) => nid !== 0);
    const joinedBefore = await joinedAtOpening(room, difference);
    const count = (membership: NewMembership) => all.counts.push(countChange(membership, joinedBefore));
    for (const [nid, { event }] of await room.eventsByNid(nids)) {
      const place = places.get(nid);
      const membership = toNewMembership(room.room.nid, nid, event.pdu, place ?? last);
      if (membership === undefined) continue;
      count(membership);
      const isFromBefore = place === undefined && membership.membership === 'join';
      (isFromBefore && membership.server !== room.serverName ? all.bystanders : all.memberships).push(membership);
    }
    const lost = await lostMemberships(room, difference, last);
    lost.forEach(count);
    all.memberships.push(...lost);
  }
  return all;
}

/** Who of those whose state differs was joined when the room was opened. */
async function joinedAtOpening(room: OpenRoom, difference: ReadonlyMap<number, number>): Promise<Set<string>> {
  const nids = [...difference.keys()].flatMap((key) => snapshotGet(room.stateAtOpening, key) ?? []);
  const events = [...(await room.eventsByNid(nids)).values()].map(({ event }) => event.pdu);
  return new Set(
    events.flatMap(({ type, content, state_key: userId }) =>
      type === 'm.room.member' && content.membership === 'join' ? (userId ?? []) : [],
    ),
  );
}

function countChange(
  { roomNid, server, place, userId, membership }: NewMembership,
  joinedBefore: ReadonlySet<string>,
): MemberCountChange {
  return { roomNid, server, place, joined: Number(membership === 'join') - Number(joinedBefore.has(userId)) };
}

/** State resolution may take a membership out of the state without putting another in its place: that user is not in the room. */
async function lostMemberships(
  room: OpenRoom,
  difference: ReadonlyMap<number, number>,
  place: number,
): Promise<NewMembership[]> {
  const nids = [...difference].flatMap(([key, nid]) =>
    nid === 0 ? (snapshotGet(room.stateAtOpening, key) ?? []) : [],
  );
  return [...(await room.eventsByNid(nids))].flatMap(([nid, { event }]) => {
    const membership = toNewMembership(room.room.nid, nid, event.pdu, place);
    return membership === undefined ? [] : [{ ...membership, membership: 'leave' as const }];
  });
}

/** Gives redactions their effect: at once, or when their target turns up. */
function applyRedactions(tx: Transaction, events: readonly Added[]): void {
  const redactions = events.flatMap(({ added }) =>
    added.redacts === null
      ? []
      : [
          {
            targetEventId: added.redacts.target,
            redactionNid: added.nid,
            sameServerOnly: added.redacts.sameServerOnly,
          },
        ],
  );
  insertWaitingRedactions(tx, redactions);
  const arrived = new Set<EventId>(redactions.map((redaction) => redaction.targetEventId));
  for (const { added } of events) if (added.isFromElsewhere) arrived.add(added.event.eventId);
  applyWaitingRedactions(tx, [...arrived]);
}
