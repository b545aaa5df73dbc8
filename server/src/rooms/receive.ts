import type { Clock } from '../base/clock.ts';
import { KeyedLock } from '../base/keyed-lock.ts';
import { FederationError } from '../federation/federation-error.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { Event, EventId, RoomId, ServerName } from '../protocol/event.ts';
import { isRoomId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject } from '../protocol/json.ts';
import { membershipOf, serverIsJoined } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { type DuePdu, dropWaitingPdu, putBackWaitingPdu, takeWaitingPdus } from '../storage/waiting-pdus.ts';
import { type Acceptance, acceptEvent } from './accept-event.ts';
import { admitPdus, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import type { RefusedPdu } from './check-pdu.ts';
import { versionOf } from './fetch-events.ts';
import { acceptWithFetches } from './fill-gap.ts';
import type { OpenRoom } from './open-room.ts';
import { storeOutlierMembership } from './outlier-membership.ts';
import { newPatience, type Patience } from './patience.ts';
import { isSanctioned } from './policy-server.ts';
import { withRoomPolicy } from './policy-signatures.ts';
import type { RoomParts } from './room-parts.ts';
import { serverMayTakePart, serverMayTakePartIn } from './room-policy.ts';
import { serversThatKnow } from './stripped-state.ts';
import { type Surroundings, surroundingsOf } from './surroundings.ts';
import { tieExtremities } from './tie-extremities.ts';
import { awaitedBy, keepForKey, keepWaiting } from './waiting.ts';

/** What has become of a PDU. Without an id it could not even be told what event it is. */
export interface PduResult {
  readonly eventId: EventId | undefined;
  /** Why it was refused, for people. */
  readonly error: string | undefined;
}

/**
 * How long a run of events may hold the room. Whoever else writes to it waits meanwhile: what is left over goes on in a
 * transaction of its own, after them.
 */
const HOLD_MS = 250;

/** What one transaction leaves to the next. One per process. */
export interface Receiving {
  /** Order of the events that one server sends to one room. A server that answers slowly keeps only itself waiting. */
  readonly order: KeyedLock<string>;
  readonly patience: Patience;
}

export function newReceiving(clock: Clock): Receiving {
  return { order: new KeyedLock(), patience: newPatience(clock) };
}

/** What must hold for all PDUs of one call and one room. */
interface Delivery {
  readonly room: RoomRow;
  readonly origin: ServerName;
  /** Aborted when the time for fetching what is missing is up. */
  readonly signal: AbortSignal;
  readonly patience: Patience;
  /** What is still missing afterwards is waited for no longer. */
  readonly isLastLook: boolean;
}

/** Rounds of looking again at events that waited for others: those that came may be what still others waited for. */
const MAX_ROUNDS = 10;

/**
 * Receives PDUs of a transaction (Server-Server API, "Receiving PDUs"): those of one room in order, rooms side by side. What is
 * wrong with one of them spoils no other (A1.6).
 *
 * @param signal ends the fetching of events that are missing; what cannot be accepted without them is refused
 * @returns a result for each, in the order of the input
 */
export async function receivePdus(
  parts: RoomParts,
  { order, patience }: Receiving,
  origin: ServerName,
  pdus: readonly unknown[],
  signal: AbortSignal,
): Promise<PduResult[]> {
  const results = pdus.map((): PduResult => ({ eventId: undefined, error: 'unknown room' }));
  const byRoom = Map.groupBy(pdus.entries(), ([, pdu]) => roomIdOfUnverified(pdu));
  await Promise.all(
    [...byRoom].map(async ([roomId, entries]) => {
      const room = roomId === undefined ? undefined : await parts.rooms.byId(roomId);
      if (room === undefined) return;
      const ofRoom = entries.map(([, pdu]) => pdu);
      const delivery = { room, origin, signal, patience, isLastLook: false };
      const outcomes = await order.run(`${room.nid} ${origin}`, async () => {
        const received = await receiveInRoom(parts, delivery, ofRoom);
        await receiveWaiting(parts, delivery);
        return received;
      });
      for (const [index, [at]] of entries.entries()) results[at] = outcomes[index] ?? (results[at] as PduResult);
    }),
  );
  return results;
}

/**
 * Looks again at the waiting events of one room whose missing pieces are here now, and at those of one server that it is time for.
 *
 * @param signal as of `receivePdus`
 */
export async function receiveWaitingPdus(
  parts: RoomParts,
  { order, patience }: Receiving,
  roomNid: number,
  origin: ServerName,
  signal: AbortSignal,
): Promise<void> {
  const room = (await parts.rooms.byNid([roomNid])).get(roomNid);
  if (room === undefined) return;
  const delivery = { room, origin, signal, patience, isLastLook: false };
  await order.run(`${roomNid} ${origin}`, () => receiveWaiting(parts, delivery));
}

function roomIdOfUnverified(pdu: unknown): RoomId | undefined {
  return isJsonObject(pdu) && isRoomId(pdu.room_id) ? pdu.room_id : undefined;
}

async function receiveInRoom(parts: RoomParts, delivery: Delivery, pdus: readonly unknown[]): Promise<PduResult[]> {
  const { room } = delivery;
  // Checks 1–3, for all of them together.
  const admitted = await admitPdus(parts, versionOf(room), pdus, room.roomId);
  const results: PduResult[] = [];
  let together = true;
  while (results.length < admitted.length) {
    const rest = admitted.slice(results.length);
    const run: Run = together ? await receiveRun(parts, delivery, rest) : { results: [], end: 'stopped' };
    results.push(...run.results);
    // What could not be committed together is found out about one by one.
    if (run.end === 'failed') together = false;
    const next = admitted[results.length];
    if (next === undefined || run.end === 'time is up') continue;
    const { error } = isAdmitted(next) ? await receive(parts, delivery, next) : await refuse(parts, delivery, next);
    results.push({ eventId: next.eventId, error });
  }
  return results;
}

/** Looks again at events that were refused because something was missing: it may have arrived, or be had now. */
async function receiveWaiting(parts: RoomParts, delivery: Delivery): Promise<void> {
  const { room, origin } = delivery;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const due = await takeWaitingPdus(parts.db, room.nid, origin, parts.clock.now());
    if (due.length === 0) return;
    const pdus = due.map((waiting) => waiting.pdu);
    for (const [index, pdu] of (await admitPdus(parts, versionOf(room), pdus, room.roomId)).entries()) {
      const waiting = due[index];
      if (waiting === undefined) continue;
      const from = { ...delivery, origin: waiting.origin, isLastLook: waiting.isLastTry || waiting.isTooOld };
      const reception = isAdmitted(pdu) ? await receive(parts, from, pdu) : await refuse(parts, from, pdu);
      await leaveWaiting(parts, from, waiting, reception);
    }
  }
}

/** Settles whether an event that has been looked at again goes on waiting. */
async function leaveWaiting(
  parts: RoomParts,
  { room, signal }: Delivery,
  waiting: DuePdu,
  { mayWait, isUnasked }: Reception,
): Promise<void> {
  // A look that was cut short is not the last one.
  const isOver = !mayWait || waiting.isTooOld || (waiting.isLastTry && !isUnasked && !signal.aborted);
  if (isOver) await dropWaitingPdu(parts.db, room.nid, waiting.eventId, waiting.origin);
  else if (isUnasked) await putBackWaitingPdu(parts.db, room.nid, waiting, parts.clock.now());
}

/** What has become of the first events of several. */
interface Run {
  readonly results: readonly PduResult[];
  /** `stopped`: the next event needs a look of its own. */
  readonly end: 'stopped' | 'failed' | 'time is up';
}

/**
 * Takes in as many events as need nothing fetched (checks 4–6), one after the other in one transaction: what is around them is
 * read once, and they are committed together.
 *
 * @returns results from the first event on; of a single event none, because that shares the commit of others who write now
 */
async function receiveRun(
  parts: RoomParts,
  delivery: Delivery,
  pdus: readonly (VerifiedPdu | RefusedPdu)[],
): Promise<Run> {
  const { room } = delivery;
  const admitted = pdus.filter(isAdmitted);
  if (admitted.length < 2 || !(await serverIsJoined(parts.db, room.nid, parts.serverName)))
    return { results: [], end: 'stopped' };
  try {
    return await parts.writer.writeAlone(room.nid, async (open) => {
      const surroundings = await surroundingsOf(parts, open, admitted);
      const until = parts.clock.monotonic() + HOLD_MS;
      const results: PduResult[] = [];
      for (const pdu of pdus) {
        if (results.length > 0 && parts.clock.monotonic() > until) return { results, end: 'time is up' };
        const result = await receiveNext(parts, open, delivery, pdu, surroundings);
        if (result === undefined) break;
        results.push(result);
      }
      await tieExtremities(parts, open);
      return { results, end: 'stopped' };
    });
  } catch (error) {
    rethrowIfAway(error);
    return { results: [], end: 'failed' };
  }
}

/** One event of a run; undefined, with nothing changed, where it needs a look of its own. */
async function receiveNext(
  parts: RoomParts,
  open: OpenRoom,
  { origin }: Delivery,
  pdu: VerifiedPdu | RefusedPdu,
  surroundings: Surroundings,
): Promise<PduResult | undefined> {
  const { eventId } = pdu;
  if (!isAdmitted(pdu)) return pdu.unverified === undefined ? { eventId, error: pdu.reason } : undefined;
  const checkpoint = open.checkpoint();
  try {
    for (const server of new Set([origin, serverNameOf(pdu.pdu.sender)]))
      if (!(await serverMayTakePartIn(parts, open, server))) return { eventId, error: refusalOf(server) };
    // Its policy server has to be asked, which must not hold up the others.
    if (!(await isSanctioned(parts, open, pdu.pdu))) return undefined;
    const outcome = await acceptEvent(parts, open, pdu, { surroundings });
    return outcome.outcome === 'missing' || awaitedBy(outcome) !== undefined
      ? undefined
      : { eventId, error: refusalIn(outcome) };
  } catch (error) {
    rethrowIfAway(error);
    open.restore(checkpoint);
    return undefined;
  }
}

function refusalIn(outcome: Acceptance): string | undefined {
  if (outcome.outcome === 'missing') return 'events that it builds on cannot be had';
  // A repeated event is answered as it was the first time.
  const isRejected =
    outcome.outcome === 'rejected' || (outcome.outcome === 'known' && outcome.admission === 'rejected');
  return isRejected ? (outcome.reason ?? 'rejected') : undefined;
}

/** While the database is away nothing can be said about any event: the whole transaction has to come again. */
function rethrowIfAway(error: unknown): void {
  if (error instanceof MatrixError && !(error instanceof FederationError) && error.status === 503) throw error;
}

interface Reception {
  /** Why it was refused. */
  readonly error: string | undefined;
  /** Only because something that it builds on could not be had: it is kept until that arrives. */
  readonly mayWait: boolean;
  /** Nobody could be asked for that at present. */
  readonly isUnasked: boolean;
}

/** Takes in one event. */
async function receive(parts: RoomParts, delivery: Delivery, pdu: VerifiedPdu): Promise<Reception> {
  const { room, origin, signal, patience, isLastLook } = delivery;
  const refused = (error: string | undefined): Reception => ({ error, mayWait: false, isUnasked: false });
  const isTooLate = signal.aborted;
  try {
    const refusal = await refusalByAcl(parts, room, origin, pdu);
    if (refusal !== undefined) return refused(refusal);
    // A room that nobody here is in is none of our business (A1.19).
    if (!(await serverIsJoined(parts.db, room.nid, parts.serverName)))
      return refused(await endInvite(parts, room, pdu));
    const signed = await withRoomPolicy(parts, { nid: room.nid, version: versionOf(room) }, pdu, { signal });
    const outcome = await acceptWithFetches(parts, { room, server: origin, signal, patience, isLastLook }, signed);
    const awaited = awaitedBy(outcome);
    const mayWait = outcome.outcome === 'missing' || awaited !== undefined;
    if (mayWait) await keepWaiting(parts, room, origin, pdu, awaited);
    return { error: refusalIn(outcome), mayWait, isUnasked: false };
  } catch (error) {
    if (error instanceof FederationError) {
      await keepWaiting(parts, room, origin, pdu);
      const isUnasked = isTooLate || error.reason === 'backing_off';
      return { error: `events that it builds on cannot be had: ${error.message}`, mayWait: true, isUnasked };
    }
    rethrowIfAway(error);
    parts.onError(error);
    return refused('this server failed to process the event');
  }
}

/** Answers for an event that was not admitted. It waits where only the key is lacking that it was signed with. */
async function refuse(parts: RoomParts, { room, origin }: Delivery, pdu: RefusedPdu): Promise<Reception> {
  const { unverified, reason } = pdu;
  const mayWait =
    unverified !== undefined &&
    (await refusalByAcl(parts, room, origin, unverified.event)) === undefined &&
    (await serverIsJoined(parts.db, room.nid, parts.serverName));
  if (mayWait) await keepForKey(parts, room, origin, unverified);
  return { error: reason, mayWait, isUnasked: false };
}

/** Both the server that brings the event and the one that it is from must be allowed in the room (A4.1). */
async function refusalByAcl(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  { pdu }: Event,
): Promise<string | undefined> {
  for (const server of new Set([origin, serverNameOf(pdu.sender)]))
    if (!(await serverMayTakePart(parts, room.roomId, server))) return refusalOf(server);
  return undefined;
}

function refusalOf(server: ServerName): string {
  return `${server} is not allowed in this room`;
}

/**
 * The one event that matters of a room that this server is not in: an invite of a local user is taken back, their knock is
 * refused, or they are banned. It counts if it comes from a server that was shown to be in the room, as we cannot see what
 * others may do there.
 */
async function endInvite(parts: RoomParts, room: RoomRow, { pdu, ...event }: VerifiedPdu): Promise<string | undefined> {
  const refusal = 'no user of this server is in the room';
  const { membership } = pdu.content;
  if (pdu.type !== 'm.room.member' || (membership !== 'leave' && membership !== 'ban')) return refusal;
  const current = await membershipOf(parts.db, room.nid, pdu.state_key ?? '');
  if (current?.server !== parts.serverName) return refusal;
  if (current.membership !== 'invite' && current.membership !== 'knock') return refusal;
  if (!serversThatKnow(current).includes(serverNameOf(pdu.sender))) return refusal;
  await storeOutlierMembership(parts, room, { pdu, ...event }, { local: false });
  return undefined;
}
