import { FederationError, leftAlone, mayAnswerLater } from '../federation/federation-error.ts';
import { type EventId, prevEventIds, type ServerName } from '../protocol/event.ts';
import { eventsById } from '../storage/events.ts';
import { missingFromHistory } from '../storage/missing-prev-events.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { type Acceptance, acceptEvent } from './accept-event.ts';
import { admitPdus, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import {
  type FetchBudget,
  type FetchOptions,
  fetchAuthChain,
  fetchStateBefore,
  spend,
  versionOf,
} from './fetch-events.ts';
import { leadingBackFrom, orderedAfter } from './graph-order.ts';
import type { OpenRoom } from './open-room.ts';
import type { Patience } from './patience.ts';
import type { RoomParts } from './room-parts.ts';
import { storeStateEvents } from './store-state-events.ts';
import { tieExtremities } from './tie-extremities.ts';
import { awaitedBy, keepWaiting } from './waiting.ts';

/** Where missing events of a room are fetched, and until when. */
export interface Source {
  readonly room: RoomRow;
  readonly server: ServerName;
  readonly signal: AbortSignal;
  readonly patience: Patience;
  /** Nobody will ask again: what cannot be told now is done without. */
  readonly isLastLook: boolean;
}

interface SourceOfOne extends Source {
  readonly budget: FetchBudget;
}

/** Requests to other servers that one inbound event may cost. */
const MOST_REQUESTS = 20;
/** Events that one `get_missing_events` asks for, and how often it is repeated to close one gap. */
const MISSING_EVENTS = 50;
const MAX_ROUNDS = 10;
/** Events of a gap whose state is fetched because those before them cannot be had. */
const MAX_STATES = 3;
/** Longest wait for one answer. */
const DEADLINE_MS = 20_000;

/**
 * Takes an event in, with what it builds on. A gap before it is filled by the missing events themselves, as far as they can be
 * had, and then by the state before it (Server-Server API, "Backfilling and retrieving missing events"). A server that is just
 * not there is waited for, for what a state stands in for is nothing that clients are told of; on the last look the state stands
 * in all the same, so that the event itself is not lost. Where the gap has no end, the server that brought the event is asked
 * nothing more about the room for a while (A1.14).
 *
 * @throws FederationError when what is missing cannot be had; `backing_off` where nobody was asked for it
 */
export async function acceptWithFetches(parts: RoomParts, source: Source, pdu: VerifiedPdu): Promise<Acceptance> {
  const outcome = await accept(parts, source.room, pdu);
  if (outcome.outcome !== 'missing') return outcome;
  const key = `${source.room.nid} ${source.server}`;
  if (!source.patience.hasFor(key)) throw leftAlone(source.server);
  const budget = { left: MOST_REQUESTS, isOverdrawn: false };
  try {
    return await fetchAndAccept(parts, { ...source, budget }, pdu, outcome);
  } finally {
    if (budget.isOverdrawn) source.patience.lose(key);
    else source.patience.restore(key);
  }
}

async function fetchAndAccept(
  parts: RoomParts,
  source: SourceOfOne,
  pdu: VerifiedPdu,
  missing: Extract<Acceptance, { outcome: 'missing' }>,
): Promise<Acceptance> {
  if (missing.prevEvents.length === 0) return await acceptWithState(parts, source, pdu, missing);
  await fillGap(parts, source, pdu);
  const outcome = await accept(parts, source.room, pdu);
  return outcome.outcome === 'missing' ? await acceptWithState(parts, source, pdu, outcome) : outcome;
}

/**
 * Most events follow the newest one that we hold. They share a transaction with the messages of local users; the others, whose
 * state has to be resolved first, would hold those up and get one of their own.
 */
async function accept(parts: RoomParts, room: RoomRow, pdu: VerifiedPdu): Promise<Acceptance> {
  const quickly = await parts.writer.write(room.nid, async (open) =>
    followsHead(open, pdu) ? await acceptEvent(parts, open, pdu) : undefined,
  );
  if (quickly !== undefined) return quickly as Acceptance;
  return await parts.writer.writeAlone(room.nid, async (open) => {
    const outcome = await acceptEvent(parts, open, pdu);
    await tieExtremities(parts, open);
    return outcome;
  });
}

/** Whether the event comes straight after the one newest event of the room, so that its state is known. */
function followsHead(open: OpenRoom, { pdu }: VerifiedPdu): boolean {
  const [head, ...others] = open.extremities;
  return others.length === 0 && pdu.prev_events.length === 1 && prevEventIds(pdu)[0] === head?.eventId;
}

async function acceptWithState(
  parts: RoomParts,
  source: SourceOfOne,
  pdu: VerifiedPdu,
  missing: Extract<Acceptance, { outcome: 'missing' }>,
): Promise<Acceptance> {
  // That it just failed to tell what was missed is no reason not to ask it for the state.
  const ignoreBackoff = source.isLastLook && missing.prevEvents.length > 0;
  const options = { ...callOptions(source), ignoreBackoff };
  if (missing.authEvents.length > 0) await fetchAuthChain(parts, source.room, source.server, pdu.eventId, options);
  if (missing.prevEvents.length === 0) return await accept(parts, source.room, pdu);
  const remote = await fetchStateBefore(parts, source.room, source.server, pdu.eventId, options);
  return await parts.writer.writeAlone(source.room.nid, async (open) => {
    const stateBefore = await storeStateEvents(parts, open, remote);
    return await acceptEvent(parts, open, pdu, { stateBefore });
  });
}

/** Takes in the events between those that we hold and this one, oldest first, as far as they can be had. */
async function fillGap(parts: RoomParts, source: SourceOfOne, pdu: VerifiedPdu): Promise<void> {
  const events = await fetchGap(parts, source, pdu);
  let states = 0;
  for (const event of orderedAfter(events, ({ pdu }) => prevEventIds(pdu))) {
    let outcome = await accept(parts, source.room, event);
    if (outcome.outcome === 'missing') {
      // Here the gap goes on: the state has to stand in for the events before.
      states += 1;
      if (states > MAX_STATES) return;
      outcome = await acceptWithState(parts, source, event, outcome);
    }
    const awaited = awaitedBy(outcome);
    if (awaited !== undefined) await keepWaiting(parts, source.room, source.server, event, awaited);
  }
}

/** `POST /get_missing_events`, as often as it takes to get back to events that we hold, or to where history begins for us. */
async function fetchGap(parts: RoomParts, source: SourceOfOne, pdu: VerifiedPdu): Promise<VerifiedPdu[]> {
  const { room } = source;
  const open = await parts.writer.peek(room.nid);
  const earliestEvents = open.extremities.map((extremity) => extremity.eventId).slice(0, 20);
  const found = new Map<EventId, VerifiedPdu>();
  let edge = [pdu];
  for (let round = 0; round < MAX_ROUNDS && edge.length > 0; round++) {
    const latestEvents = edge.map((event) => event.eventId).slice(0, 20);
    const request = { roomId: room.roomId, earliestEvents, latestEvents, limit: MISSING_EVENTS };
    const answer = await missingEvents(parts, source, request);
    if (answer === undefined) break;
    const admitted = await admitPdus(parts, versionOf(room), answer.slice(0, MISSING_EVENTS), room.roomId);
    const events = await withoutHistory(parts, room, admitted.filter(isAdmitted));
    const wanted = edge.flatMap((event) => prevEventIds(event.pdu));
    const before = found.size;
    for (const event of leadingBackFrom(events, wanted)) found.set(event.eventId, event);
    if (found.size === before) break;
    edge = await withUnknownPrevs(parts, room, [...found.values()], found);
    source.budget.isOverdrawn = round === MAX_ROUNDS - 1 && edge.length > 0;
  }
  return [...found.values()];
}

/**
 * What a server answers; undefined where it has no fitting answer: the state may be had all the same.
 *
 * @throws FederationError when it is not there at present, and may be asked again; whenever it was not asked
 */
async function missingEvents(
  parts: RoomParts,
  source: SourceOfOne,
  request: Parameters<RoomParts['federation']['getMissingEvents']>[1],
): Promise<readonly unknown[] | undefined> {
  spend(source.server, callOptions(source));
  try {
    return await parts.federation.getMissingEvents(source.server, request, callOptions(source));
  } catch (error) {
    if (!(error instanceof FederationError) || error.reason === 'backing_off') throw error;
    // What it fails at again and again must not keep the room from going on.
    const isLastWord = source.isLastLook || !mayAnswerLater(error) || error.remote?.status === 500;
    if (!isLastWord) throw error;
    return undefined;
  }
}

/** The events without those from before what we hold: those are for whoever scrolls there, and no news. */
async function withoutHistory(parts: RoomParts, room: RoomRow, events: readonly VerifiedPdu[]): Promise<VerifiedPdu[]> {
  const ids = events.map((event) => event.eventId);
  const history = await missingFromHistory(parts.db, room.nid, ids);
  return events.filter((event) => !history.has(event.eventId));
}

/** Those of the events that build on events which we neither hold nor have just found, nor leave to history. */
async function withUnknownPrevs(
  parts: RoomParts,
  room: RoomRow,
  events: readonly VerifiedPdu[],
  found: ReadonlyMap<EventId, VerifiedPdu>,
): Promise<VerifiedPdu[]> {
  const unknown = new Set(events.flatMap((event) => prevEventIds(event.pdu)).filter((id) => !found.has(id)));
  for (const held of await eventsById(parts.db, [...unknown]))
    if (held.stateAfter !== null) unknown.delete(held.eventId);
  for (const id of await missingFromHistory(parts.db, room.nid, [...unknown])) unknown.delete(id);
  return events.filter((event) => prevEventIds(event.pdu).some((id) => unknown.has(id)));
}

function callOptions({ signal, budget }: SourceOfOne): FetchOptions {
  return { signal, deadlineMs: DEADLINE_MS, budget };
}
