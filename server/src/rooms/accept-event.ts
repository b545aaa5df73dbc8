import { authEventKeys } from '../protocol/auth-events.ts';
import { authorize, authorizeByAuthEvents } from '../protocol/auth-rules.ts';
import { authStateOf, type KnownEvent } from '../protocol/authorization.ts';
import { authEventIds, type Event, type EventId, prevEventIds, type StateKey, stateKey } from '../protocol/event.ts';
import { redactionTarget } from '../protocol/redaction.ts';
import { type Admission, behindUnaccepted } from '../storage/events.ts';
import type { Snapshot } from '../storage/state-snapshots.ts';
import type { VerifiedPdu } from './admit-pdu.ts';
import type { NewEvent, Redacts } from './new-event.ts';
import type { OpenRoom } from './open-room.ts';
import { isSanctioned } from './policy-server.ts';
import { resolveSnapshots } from './resolve-state.ts';
import type { RoomParts } from './room-parts.ts';
import { mayRedact } from './send.ts';
import { type Held, inGraph, type Surroundings, statesAfter, surroundingsOf } from './surroundings.ts';
import { withoutTakenIds } from './taken-ids.ts';
import { contradictsTold, toldBehind } from './told-states.ts';

export type Acceptance =
  | {
      readonly outcome: 'accepted' | 'soft_failed' | 'rejected';
      readonly reason: string | undefined;
      /** Nothing was stored: it was judged by a state that we were told, and with these events it may be decided otherwise. */
      readonly awaits?: readonly EventId[];
    }
  /** It was here already. */
  | { readonly outcome: 'known'; readonly admission: Admission; readonly reason: string | undefined }
  /** Nothing has been decided: these have to be fetched first. */
  | { readonly outcome: 'missing'; readonly prevEvents: readonly EventId[]; readonly authEvents: readonly EventId[] };

export interface AcceptOptions {
  /** State before the event, where it is known from elsewhere; previous events may then be missing. */
  readonly stateBefore?: Snapshot | undefined;
  /** It came to us alone: the other servers of the room get it from us. */
  readonly passOn?: boolean;
  /** The newest state of the room need not allow it: other servers of the room have taken it in already. */
  readonly settled?: boolean;
  /** The event is from before what we have: it goes to the other end of the timeline and changes nothing at this one. */
  readonly backfilled?: boolean;
  /** What is around it, where that has been read already together with that of others. */
  readonly surroundings?: Surroundings;
  /** For an event of ours: which client's request made it. */
  readonly origin?: { readonly deviceId: string | null; readonly transactionId: string | null };
}

/**
 * Takes an event of anybody into the graph of a room that is locked and open (Server-Server API, "Checks performed on
 * receipt of a PDU", checks 4–7). Its auth events have to be held, and its previous events unless the state is given.
 */
export async function acceptEvent(
  parts: RoomParts,
  open: OpenRoom,
  pdu: VerifiedPdu,
  options: AcceptOptions = {},
): Promise<Acceptance> {
  const [prevIds, authIds] = [prevEventIds(pdu.pdu), authEventIds(pdu.pdu)];
  if ((await withoutTakenIds(parts, open, [pdu])).length === 0)
    return { outcome: 'rejected', reason: 'its id is that of another event' };
  const surroundings = options.surroundings ?? (await surroundingsOf(parts, open, [pdu]));
  const held = surroundings.held([pdu.eventId, ...prevIds, ...authIds]);
  const standing = held.get(pdu.eventId);
  if (standing !== undefined && inGraph(standing))
    return { outcome: 'known', admission: standing.admission, reason: standing.reason ?? undefined };
  const prevs = prevIds.flatMap((id) => {
    const prev = held.get(id);
    return prev !== undefined && inGraph(prev) ? [prev] : [];
  });
  const missingPrevs = prevIds.filter((id) => !prevs.some((prev) => prev.eventId === id));
  // What nobody has authorised yet authorises nothing.
  const missingAuth = authIds.filter((id) => (held.get(id)?.admission ?? 'outlier') === 'outlier');
  if (missingAuth.length > 0 || (missingPrevs.length > 0 && options.stateBefore === undefined))
    return { outcome: 'missing', prevEvents: missingPrevs, authEvents: missingAuth };

  const isSettled = options.settled === true || options.backfilled === true;
  const place = { held, prevs, missingPrevs, told: options.stateBefore, isSettled };
  const { judged, stateBefore, toldInPlaceOf, awaits } = await judgeInPlace(parts, open, pdu, place);
  const verdict = judged.outcome === 'accepted' && !isSettled ? await judgeByPolicy(parts, open, pdu) : judged;
  // What rests on a state that we were told is not kept: with the events that are missing it may be decided otherwise.
  if (awaits.length > 0) return { ...verdict, awaits };
  const nid = standing?.nid ?? (await parts.eventNids.take(1))[0];
  if (nid === undefined) throw new Error('no event nid');
  const keyNid =
    pdu.pdu.state_key === undefined
      ? null
      : ((await parts.stateKeys.intern([stateKey(pdu.pdu.type, pdu.pdu.state_key)]))[0] ?? null);
  const stateAfter =
    verdict.outcome === 'rejected' || keyNid === null
      ? stateBefore
      : await open.derive(stateBefore, new Map([[keyNid, nid]]));
  const event: NewEvent = {
    nid,
    event: pdu,
    admission: verdict.outcome,
    reason: verdict.reason ?? null,
    local: options.passOn ?? false,
    isFromElsewhere: true,
    stateKeyNid: keyNid,
    prevEvents: prevs.map((prev) => prev.nid),
    missingPrevEvents: missingPrevs,
    toldInPlaceOf,
    authEvents: authIds.map((id) => held.get(id)?.nid ?? 0),
    stateBefore,
    stateAfter,
    roomState: undefined,
    redacts: verdict.outcome === 'accepted' ? await redactsOf(open, pdu, stateBefore) : null,
    deviceId: options.origin?.deviceId ?? null,
    transactionId: options.origin?.transactionId ?? null,
  };
  if (options.backfilled === true) open.addBackfilled({ ...event, roomState: stateAfter });
  else if (verdict.outcome !== 'accepted') open.attach(event);
  else await attachToGraph(parts, open, event, prevs, surroundings);
  return verdict;
}

/** Attaches an accepted event: the room's state is then what its extremities, this one among them, resolve to. */
async function attachToGraph(
  parts: RoomParts,
  open: OpenRoom,
  event: NewEvent,
  prevs: readonly Held[],
  surroundings: Surroundings,
): Promise<void> {
  const isReferenced =
    isPreviousOfAccepted(open, event.event.eventId, surroundings) && !(await contradictsTold(parts, open, event));
  const replaced = await replacedBy(parts, open, event, prevs);
  const others = open.extremities.filter((extremity) => !replaced.has(extremity.nid));
  if (isReferenced && others.length === open.extremities.length) {
    open.attach({ ...event, roomState: open.state }, replaced, false);
    return;
  }
  if (others.length === 0 && !isReferenced) {
    open.attach({ ...event, roomState: event.stateAfter }, replaced);
    return;
  }
  const held = surroundings.held(others.map((extremity) => extremity.eventId));
  const states = await statesAfter(parts, open, [...held.values()]);
  const all = isReferenced ? states : [event.stateAfter, ...states];
  const roomState = await resolveSnapshots(parts, open, all, event);
  open.attach({ ...event, roomState: roomState ?? event.stateAfter }, replaced, !isReferenced);
}

/**
 * The events that an accepted one follows. Where it follows others that were not accepted, it follows what those do: their
 * server has built on them, and what they follow is an end of the graph for nobody.
 */
async function replacedBy(
  parts: RoomParts,
  open: OpenRoom,
  event: NewEvent,
  prevs: readonly Held[],
): Promise<Set<number>> {
  const accepted = new Set(prevs.filter((prev) => prev.admission === 'accepted').map((prev) => prev.nid));
  const replaced = new Set<number>();
  const stored: number[] = [];
  const waiting = [...event.prevEvents];
  for (let nid = waiting.pop(); nid !== undefined; nid = waiting.pop()) {
    if (replaced.has(nid)) continue;
    replaced.add(nid);
    const added = open.addedByNid(nid);
    if (added === undefined && !accepted.has(nid)) stored.push(nid);
    // The state after one whose state was told need not come from what it follows (A1.12).
    else if (added !== undefined && added.admission !== 'accepted' && !(added.toldInPlaceOf ?? []).length)
      waiting.push(...added.prevEvents);
  }
  for (const nid of await behindUnaccepted(parts.db, stored)) replaced.add(nid);
  return replaced;
}

/** Whether an accepted event of the room comes after this one, so that it is no forward extremity. */
function isPreviousOfAccepted(open: OpenRoom, eventId: EventId, surroundings: Surroundings): boolean {
  for (const added of open.allAdded())
    if (added.admission === 'accepted' && added.missingPrevEvents.includes(eventId)) return true;
  return surroundings.isMissingFromHistory(eventId);
}

interface Verdict {
  readonly outcome: 'accepted' | 'soft_failed' | 'rejected';
  readonly reason: string | undefined;
  /** The check on receipt that it failed. */
  readonly failedCheck?: 4 | 5 | 6 | 7;
}

/** Where an event stands in the graph. */
interface Place {
  readonly held: ReadonlyMap<EventId, Held>;
  readonly prevs: readonly Held[];
  readonly missingPrevs: readonly EventId[];
  /** State that we were told, in place of the previous events that are missing. */
  readonly told: Snapshot | undefined;
  readonly isSettled: boolean;
}

interface JudgedInPlace {
  readonly judged: Verdict;
  readonly stateBefore: Snapshot | undefined;
  /** Events that a state which we were told stands in for. */
  readonly toldInPlaceOf: readonly EventId[];
  /** Those without which a refusal is not the last word. */
  readonly awaits: readonly EventId[];
}

/** Judges an event by the state before it, told states included: those are only one voice beside what we hold (A1.12). */
async function judgeInPlace(parts: RoomParts, open: OpenRoom, pdu: VerifiedPdu, place: Place): Promise<JudgedInPlace> {
  const { held, prevs, missingPrevs, told, isSettled } = place;
  const states = [...(told === undefined ? [] : [told]), ...(await statesAfter(parts, open, prevs))];
  const stateBefore = await resolveSnapshots(parts, open, states);
  const judged = await judge(open, pdu, held, stateBefore, isSettled);
  const isForbidden = judged.failedCheck === 5;
  if (!isForbidden || missingPrevs.length > 0)
    return {
      judged,
      stateBefore,
      toldInPlaceOf: isSettled ? [] : missingPrevs,
      awaits: isForbidden ? missingPrevs : [],
    };
  // What was told may be further back, and what it stood in for may have arrived.
  const { missing, arrived, stillMissing } = await toldBehind(parts, open, prevs);
  const awaits = isSettled ? [] : stillMissing;
  if (arrived.length === 0) return { judged, stateBefore, toldInPlaceOf: [], awaits };
  const better = await resolveSnapshots(parts, open, [stateBefore, ...arrived]);
  const again = await judge(open, pdu, held, better, isSettled);
  if (again.failedCheck === 5) return { judged, stateBefore, toldInPlaceOf: [], awaits };
  return { judged: again, stateBefore: better, toldInPlaceOf: missing, awaits: [] };
}

async function judge(
  open: OpenRoom,
  pdu: VerifiedPdu,
  held: ReadonlyMap<EventId, Held>,
  stateBefore: Snapshot | undefined,
  isSettled: boolean,
): Promise<Verdict> {
  if (held.get(pdu.eventId)?.admission === 'rejected')
    return { outcome: 'rejected', reason: 'it was rejected as part of an auth chain' };
  // A room has one create event, though the rules by themselves would let its creator's server make more.
  if (pdu.pdu.type === 'm.room.create') {
    const create = await open.stateEvent('m.room.create', '');
    if (create !== undefined && create.eventId !== pdu.eventId)
      return { outcome: 'rejected', reason: 'the room has been created already' };
  }
  const authEvents: KnownEvent[] = authEventIds(pdu.pdu).flatMap((id) => {
    const auth = held.get(id);
    return auth === undefined ? [] : [{ event: auth.event, rejected: auth.admission === 'rejected' }];
  });
  const stateBeforeIt = await ruleState(open, pdu, stateBefore);
  const create = stateBeforeIt.get(stateKey('m.room.create', ''));
  // Check 4: by the auth events that it names.
  const byAuthEvents = authorizeByAuthEvents(pdu, open.version, { authEvents, create, signers: pdu.signers });
  if (!byAuthEvents.allowed)
    return { outcome: 'rejected', reason: `auth events: ${byAuthEvents.reason}`, failedCheck: 4 };
  // Check 5: by the state before it.
  const before = authorize(pdu, open.version, authStateOf(stateBeforeIt));
  if (!before.allowed) return { outcome: 'rejected', reason: `state before: ${before.reason}`, failedCheck: 5 };
  // Check 6: by the state of the room as it is now, which catches those that pretend to be from before a ban.
  if (isSettled || stateBefore?.id === open.state?.id || open.extremities.length === 0)
    return { outcome: 'accepted', reason: undefined };
  const now = authorize(pdu, open.version, authStateOf(await ruleState(open, pdu, open.state)));
  if (!now.allowed) return { outcome: 'soft_failed', reason: `current state: ${now.reason}`, failedCheck: 6 };
  return { outcome: 'accepted', reason: undefined };
}

/** Check 7: by the room's policy server, whose signature counts. Whoever takes the event in has asked for it where it lacked. */
async function judgeByPolicy(parts: RoomParts, open: OpenRoom, pdu: VerifiedPdu): Promise<Verdict> {
  if (await isSanctioned(parts, open, pdu.pdu)) return { outcome: 'accepted', reason: undefined };
  return { outcome: 'soft_failed', reason: 'the policy server of the room has not signed it', failedCheck: 7 };
}

/** The part of a state that the rules look at for this event. */
async function ruleState(open: OpenRoom, event: Event, state: Snapshot | undefined): Promise<Map<StateKey, Event>> {
  const keys = [stateKey('m.room.create', ''), ...authEventKeys(event.pdu, open.version)];
  const events = await open.stateEvents(keys, state);
  return new Map([...events].map(([key, found]) => [key, found.event]));
}

async function redactsOf(open: OpenRoom, pdu: VerifiedPdu, stateBefore: Snapshot | undefined): Promise<Redacts | null> {
  if (pdu.pdu.type !== 'm.room.redaction') return null;
  const target = redactionTarget(pdu.pdu, open.version);
  if (target === undefined) return null;
  // Where the auth rules decide, they have done so.
  if (open.version.redactionsDecidedBy === 'auth rules') return { target, sameServerOnly: false };
  return await mayRedact(open, pdu.pdu.sender, target, stateBefore);
}
