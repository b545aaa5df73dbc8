import type { EventId, UserId } from '../protocol/event.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject } from '../protocol/json.ts';
import { insertTransactions } from '../storage/client-transactions.ts';
import { type StateChange, writeCurrentState } from '../storage/current-state.ts';
import type { Transaction } from '../storage/database.ts';
import {
  type EventRow,
  insertBackfilledEvents,
  insertEventsAside,
  insertLiveEvents,
  markRedacted,
  type StoredEvent,
} from '../storage/events.ts';
import { type MembershipRow, type MembershipState, writeMemberships } from '../storage/memberships.ts';
import { insertMissingPrevEvents, removeMissingPrevEvents } from '../storage/missing-prev-events.ts';
import { insertWaitingRedactions, takeWaitingRedactions } from '../storage/redactions.ts';
import { type HeadChange, updateHeads } from '../storage/rooms.ts';
import { insertSnapshots, snapshotDifference } from '../storage/state-snapshots.ts';
import type { NewEvent, OpenRoom } from './open-room.ts';

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
    depth: pdu.depth,
    originServerTs: pdu.origin_server_ts,
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
    pdu: added.json,
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

type NewMembership = Omit<MembershipRow, 'leftPosition'>;

const MEMBERSHIPS: ReadonlySet<unknown> = new Set(['join', 'invite', 'leave', 'ban', 'knock']);

/** The membership row for a member event, with the fields of its content that have the right types. */
export function toMembershipRow(
  roomNid: number,
  eventNid: number,
  pdu: NewEvent['event']['pdu'],
  position: number,
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
    position,
    displayName: typeof displayname === 'string' ? displayname.slice(0, 1000) : null,
    avatarUrl: typeof avatarUrl === 'string' ? avatarUrl.slice(0, 1000) : null,
    forgotten: false,
    strippedState: null,
  };
}

/**
 * Writes all that has been added to the rooms: the only writer of events that have a place in a room's graph. Runs inside
 * the transaction that holds the locks of the rooms. Positions are taken late, so that the log is locked for a short time.
 */
export async function persist(tx: Transaction, rooms: readonly OpenRoom[]): Promise<Persisted[]> {
  const changed = rooms.filter((room) => room.hasChanged());
  if (changed.length === 0) return [];
  const of = (events: (room: OpenRoom) => readonly NewEvent[]) =>
    changed.flatMap((room) => events(room).map((added) => ({ room, added })));
  const backfilled = of((room) => room.backfilled);
  const added = of((room) => room.added);
  const accepted = ({ added: { admission } }: Added) => admission === 'accepted';
  const refused = [...backfilled, ...added].filter((event) => !accepted(event));

  await insertSnapshots(
    tx,
    changed.flatMap((room) => room.newSnapshots),
  );
  await insertEventsAside(tx, toRows([...of((room) => room.aside), ...refused]));
  await insertBackfilledEvents(tx, toRows(backfilled.filter(accepted)));
  await writeEdges(tx, [...backfilled, ...added]);
  const persisted = await writeLive(tx, added.filter(accepted));
  await updateHeads(
    tx,
    changed.map((room) => headChange(room, persisted)),
  );
  await writeState(tx, changed, persisted);
  await applyRedactions(tx, [...backfilled, ...added].filter(accepted));
  await insertTransactions(
    tx,
    changed.flatMap((room) => room.transactions),
  );
  return persisted;
}

interface Added {
  readonly room: OpenRoom;
  readonly added: NewEvent;
}

function toRows(events: readonly Added[]): EventRow[] {
  return events.map(({ room, added }) => toEventRow(added, room.room.nid));
}

async function writeLive(tx: Transaction, events: readonly Added[]): Promise<Persisted[]> {
  if (events.length === 0) return [];
  const members = events.map(({ added: { event } }) =>
    event.pdu.type === 'm.room.member' ? (event.pdu.state_key ?? null) : null,
  );
  const first = await insertLiveEvents(tx, toRows(events), members);
  return events.map(({ room, added }, index) => {
    const position = first + index;
    return { room, added, position, stored: toStored(added, room.room.nid, position) };
  });
}

function headChange(room: OpenRoom, persisted: readonly Persisted[]): HeadChange {
  const own = persisted.filter((event) => event.room === room);
  return {
    nid: room.room.nid,
    extremities: room.extremities.map((extremity) => extremity.nid),
    depth: room.depth,
    currentState: room.state?.id ?? null,
    lastPosition: own.at(-1)?.position ?? null,
    lastLocalPosition: own.findLast((event) => event.added.local)?.position ?? null,
  };
}

async function writeEdges(tx: Transaction, all: readonly Added[]): Promise<void> {
  const inGraph = all.filter(({ added }) => added.admission !== 'outlier');
  const missing = inGraph.flatMap(({ room, added }) =>
    added.missingPrevEvents.map((eventId) => ({ roomNid: room.room.nid, eventId, referencedBy: added.nid })),
  );
  await insertMissingPrevEvents(tx, missing);
  const remote = inGraph.filter(({ added }) => !added.local);
  await removeMissingPrevEvents(
    tx,
    remote.map(({ added }) => added.event.eventId),
  );
}

async function writeState(
  tx: Transaction,
  changed: readonly OpenRoom[],
  persisted: readonly Persisted[],
): Promise<void> {
  const state: StateChange[] = [];
  const members: NewMembership[] = [];
  const positions = new Map(persisted.map((event) => [event.added.nid, event.position]));
  for (const room of changed) {
    const difference = snapshotDifference(room.stateAtOpening, room.state);
    if (difference.size === 0) continue;
    for (const [stateKeyNid, eventNid] of difference) state.push({ roomNid: room.room.nid, stateKeyNid, eventNid });
    const last = persisted.findLast((event) => event.room === room)?.position ?? 0;
    const nids = [...difference.values()].filter((nid) => nid !== 0);
    for (const [nid, { event }] of await room.eventsByNid(nids)) {
      const row = toMembershipRow(room.room.nid, nid, event.pdu, positions.get(nid) ?? last);
      if (row !== undefined) members.push(row);
    }
  }
  await writeCurrentState(tx, state);
  await writeMemberships(tx, members);
}

/** Gives redactions their effect: at once, or when their target turns up. */
async function applyRedactions(tx: Transaction, events: readonly Added[]): Promise<void> {
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
  if (redactions.length > 0) await insertWaitingRedactions(tx, redactions);
  const arrived = new Set<EventId>(redactions.map((redaction) => redaction.targetEventId));
  for (const { added } of events) if (!added.local) arrived.add(added.event.eventId);
  if (arrived.size > 0) await markRedacted(tx, await takeWaitingRedactions(tx, [...arrived]));
}
