import { FederationError, mayAnswerLater } from '../federation/federation-error.ts';
import { authEventIds, type EventId, prevEventIds, type ServerName } from '../protocol/event.ts';
import { eventsById } from '../storage/events.ts';
import { serversInRoom } from '../storage/memberships.ts';
import { oldestGaps } from '../storage/missing-prev-events.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { acceptEvent } from './accept-event.ts';
import { admitPdus, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import { fetchAuthChain, fetchStateBefore, versionOf } from './fetch-events.ts';
import { leadingBackFrom, orderedAfter } from './graph-order.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';
import { storeStateEvents, type ToldState } from './store-state-events.ts';

/** Servers that are asked in one go. */
const MAX_SERVERS = 3;
/** Servers looked at in one go; those that are away and are not tried at present cost next to nothing. */
const MAX_CANDIDATES = 20;
const MIN_EVENTS = 20;
const MAX_EVENTS = 100;
/** Gaps that one request asks about. */
const MAX_GAPS = 20;
/** Events of one page whose state, or whose auth chain, is asked for; those that would need more are left for later. */
const MAX_STATES = 5;
const DEADLINE_MS = 20_000;

export type BackfillOutcome =
  /** History goes further back now. */
  | { readonly outcome: 'added' }
  /** Nobody has more, or nobody gives it to us. */
  | { readonly outcome: 'end' }
  /** A server that may have more could not be asked: history goes on, but not now. */
  | { readonly outcome: 'unreachable'; readonly error: FederationError };

/**
 * Fetches history from before what we hold (Server-Server API, "Backfilling and retrieving missing events") and adds it to
 * the far end of the timeline.
 */
export async function backfillBefore(parts: RoomParts, room: RoomRow, limit: number): Promise<BackfillOutcome> {
  const gaps = await oldestGaps(parts.db, room.nid, MAX_GAPS);
  if (gaps.length === 0) return { outcome: 'end' };
  const servers = (await serversInRoom(parts.db, room.nid)).filter((server) => server !== parts.serverName);
  let asked = 0;
  let unreachable: FederationError | undefined;
  for (const server of servers.slice(0, MAX_CANDIDATES)) {
    if (asked === MAX_SERVERS) break;
    asked += 1;
    try {
      await backfillFrom(parts, room, server, gaps, Math.min(Math.max(limit, MIN_EVENTS), MAX_EVENTS));
    } catch (error) {
      // The next server may know more, or be there at all.
      if (!(error instanceof FederationError)) throw error;
      if (error.reason === 'backing_off') asked -= 1;
      if (mayAnswerLater(error)) unreachable = error;
    }
    // Somebody else may have closed the gap meanwhile, which is as good.
    const left = await oldestGaps(parts.db, room.nid, MAX_GAPS);
    if (left.length !== gaps.length || left.some((id, index) => id !== gaps[index])) return { outcome: 'added' };
  }
  return unreachable === undefined ? { outcome: 'end' } : { outcome: 'unreachable', error: unreachable };
}

async function backfillFrom(
  parts: RoomParts,
  room: RoomRow,
  server: ServerName,
  from: readonly EventId[],
  limit: number,
): Promise<void> {
  const options = { deadlineMs: DEADLINE_MS };
  const answer = await parts.federation.backfill(server, { roomId: room.roomId, from, limit }, options);
  const admitted = await admitPdus(parts, versionOf(room), answer.slice(0, limit), room.roomId);
  const events = orderedAfter(leadingBackFrom(admitted.filter(isAdmitted), from), ({ pdu }) => prevEventIds(pdu));
  if (events.length === 0) return;
  const states = await fetchStates(parts, room, server, events);
  await fetchAuthChains(parts, room, server, events, states);
  await parts.writer.writeAlone(room.nid, (open) => addOldEvents(parts, open, events, states));
}

/** Where the events begin, the state has to be told; from there on it follows from event to event. */
async function fetchStates(
  parts: RoomParts,
  room: RoomRow,
  server: ServerName,
  events: readonly VerifiedPdu[],
): Promise<Map<EventId, ToldState>> {
  const given = new Set(events.map((event) => event.eventId));
  const prevs = events.flatMap((event) => prevEventIds(event.pdu)).filter((id) => !given.has(id));
  const held = await eventsById(parts.db, [...new Set(prevs)]);
  for (const event of held) if (event.roomNid === room.nid && event.stateAfter !== null) given.add(event.eventId);
  const states = new Map<EventId, ToldState>();
  for (const event of events) {
    if (prevEventIds(event.pdu).every((id) => given.has(id))) continue;
    if (states.size === MAX_STATES) break;
    const state = await fetchStateBefore(parts, room, server, event.eventId, { deadlineMs: DEADLINE_MS });
    states.set(event.eventId, state);
  }
  return states;
}

/** Fetches the auth chains of those events that name auth events which neither we hold nor the answer brought. */
async function fetchAuthChains(
  parts: RoomParts,
  room: RoomRow,
  server: ServerName,
  events: readonly VerifiedPdu[],
  states: ReadonlyMap<EventId, ToldState>,
): Promise<void> {
  const known = new Set(events.map((event) => event.eventId));
  for (const { state, authChain } of states.values())
    for (const event of [...state, ...authChain]) known.add(event.eventId);
  const wanted = new Set(events.flatMap((event) => authEventIds(event.pdu)).filter((id) => !known.has(id)));
  for (const event of await eventsById(parts.db, [...wanted]))
    if (event.roomNid === room.nid && event.admission !== 'outlier') wanted.delete(event.eventId);
  let fetches = 0;
  for (const event of events) {
    if (!authEventIds(event.pdu).some((id) => wanted.has(id)) || fetches === MAX_STATES) continue;
    fetches += 1;
    await fetchAuthChain(parts, room, server, event.eventId, { deadlineMs: DEADLINE_MS });
    for (const id of authEventIds(event.pdu)) wanted.delete(id);
  }
}

async function addOldEvents(
  parts: RoomParts,
  open: OpenRoom,
  events: readonly VerifiedPdu[],
  states: ReadonlyMap<EventId, ToldState>,
): Promise<void> {
  for (const event of events) {
    const remote = states.get(event.eventId);
    const stateBefore = remote === undefined ? undefined : await storeStateEvents(parts, open, remote);
    await acceptEvent(parts, open, event, { backfilled: true, stateBefore });
  }
  // Positions count downwards, so the newest has to be written first.
  open.backfilled.reverse();
}
