import { FederationError } from '../federation/federation-error.ts';
import type { EventId, ServerName } from '../protocol/event.ts';
import { serversInRoom } from '../storage/memberships.ts';
import { oldestGaps } from '../storage/missing-prev-events.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { acceptEvent } from './accept-event.ts';
import { admitPdus, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import { fetchAuthChain, fetchStateBefore, type RemoteState, storeRemoteState, versionOf } from './fetch-events.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/** Servers asked before we say that there is no more. */
const MAX_SERVERS = 3;
const MAX_EVENTS = 100;

/**
 * Fetches history from before what we hold (Server-Server API, "Backfilling and retrieving missing events") and adds it to
 * the far end of the timeline.
 *
 * @returns whether anything was added
 */
export async function backfillBefore(parts: RoomParts, room: RoomRow, limit: number): Promise<boolean> {
  const gaps = await oldestGaps(parts.db, room.nid, 5);
  if (gaps.length === 0) return false;
  const servers = (await serversInRoom(parts.db, room.nid)).filter((server) => server !== parts.serverName);
  for (const server of servers.slice(0, MAX_SERVERS)) {
    try {
      if (await backfillFrom(parts, room, server, gaps, Math.min(Math.max(limit, 20), MAX_EVENTS))) return true;
    } catch (error) {
      // The next server may know more, or be there at all.
      if (!(error instanceof FederationError)) throw error;
    }
  }
  return false;
}

async function backfillFrom(
  parts: RoomParts,
  room: RoomRow,
  server: ServerName,
  from: readonly EventId[],
  limit: number,
): Promise<boolean> {
  const answer = await parts.federation.backfill(server, { roomId: room.roomId, from, limit });
  const admitted = await admitPdus(parts, versionOf(room), answer.slice(0, limit), room.roomId);
  const events = connected(admitted.filter(isAdmitted), from);
  if (events.length === 0) return false;
  // Where the events given begin, the state has to be told; from there on it follows from event to event.
  const given = new Set(events.map((event) => event.eventId));
  const states = new Map<EventId, RemoteState>();
  for (const event of events) {
    if (event.pdu.prev_events.length === 0 || event.pdu.prev_events.some((id) => given.has(id))) continue;
    states.set(event.eventId, await fetchStateBefore(parts, room, server, event.eventId));
  }
  for (const event of events.slice(0, 1)) await fetchAuthChain(parts, room, server, event.eventId);
  return await parts.writer.writeAlone(room.nid, (open) => addOldEvents(parts, open, events, states));
}

/** Those of the events that lead back from the gap, oldest first. What a server adds beyond them is not ours to keep. */
function connected(events: readonly VerifiedPdu[], from: readonly EventId[]): VerifiedPdu[] {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const reached = new Map<EventId, VerifiedPdu>();
  const waiting = [...from];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const event = byId.get(id);
    if (event === undefined || reached.has(id)) continue;
    reached.set(id, event);
    waiting.push(...event.pdu.prev_events);
  }
  return [...reached.values()].sort((one, other) => one.pdu.depth - other.pdu.depth);
}

async function addOldEvents(
  parts: RoomParts,
  open: OpenRoom,
  events: readonly VerifiedPdu[],
  states: ReadonlyMap<EventId, RemoteState>,
): Promise<boolean> {
  for (const event of events) {
    const remote = states.get(event.eventId);
    const stateBefore = remote === undefined ? undefined : await storeRemoteState(parts, open, remote);
    await acceptEvent(parts, open, event, { backfilled: true, stateBefore });
  }
  // Positions count downwards, so the newest has to be written first.
  open.backfilled.reverse();
  return open.backfilled.length > 0;
}
