import type { KeyedLock } from '../base/keyed-lock.ts';
import { FederationError } from '../federation/federation-error.ts';
import type { EventId, RoomId, ServerName } from '../protocol/event.ts';
import { isRoomId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject } from '../protocol/json.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { type Acceptance, acceptEvent } from './accept-event.ts';
import { admitPdus, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import { fetchAuthChain, fetchStateBefore, storeRemoteState, versionOf } from './fetch-events.ts';
import type { RoomParts } from './room-parts.ts';
import { serverMayTakePart } from './room-policy.ts';

/** Events that one `get_missing_events` asks for. */
const MISSING_EVENTS = 50;

/**
 * Receives PDUs of a transaction (Server-Server API, "Receiving PDUs"): those of one room in order, rooms side by side.
 *
 * @returns per PDU of the input its event id, where it has one, and why it was refused, where it was
 */
export async function receivePdus(
  parts: RoomParts,
  locks: KeyedLock<number>,
  origin: ServerName,
  pdus: readonly unknown[],
): Promise<{ eventId: EventId | undefined; error: string | undefined }[]> {
  const results = pdus.map(() => ({
    eventId: undefined as EventId | undefined,
    error: 'unknown room' as string | undefined,
  }));
  const byRoom = Map.groupBy(pdus.entries(), ([, pdu]) => roomIdOfUnverified(pdu));
  await Promise.all(
    [...byRoom].map(async ([roomId, entries]) => {
      const room = roomId === undefined ? undefined : await parts.rooms.byId(roomId);
      if (room === undefined) return;
      const work = async () =>
        await receiveInRoom(
          parts,
          room,
          origin,
          entries.map(([, pdu]) => pdu),
        );
      const outcomes = await locks.run(room.nid, work);
      for (const [index, [at]] of entries.entries()) results[at] = outcomes[index] ?? results[at] ?? unknownRoom();
    }),
  );
  return results;
}

function unknownRoom() {
  return { eventId: undefined, error: 'unknown room' };
}

function roomIdOfUnverified(pdu: unknown): RoomId | undefined {
  return isJsonObject(pdu) && isRoomId(pdu.room_id) ? pdu.room_id : undefined;
}

async function receiveInRoom(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  pdus: readonly unknown[],
): Promise<{ eventId: EventId | undefined; error: string | undefined }[]> {
  const version = versionOf(room);
  const admitted = await admitPdus(parts, version, pdus, room.roomId);
  // A room that nobody here is in is none of our business (A1.19).
  const isHere = await serverIsJoined(parts.db, room.nid, parts.serverName);
  const results: { eventId: EventId | undefined; error: string | undefined }[] = [];
  for (const pdu of admitted) {
    if (!isAdmitted(pdu)) {
      results.push({ eventId: pdu.eventId as EventId | undefined, error: pdu.reason });
      continue;
    }
    const refusal = isHere ? await refusalByAcl(parts, room, origin, pdu) : 'no user of this server is in the room';
    results.push({ eventId: pdu.eventId, error: refusal ?? (await receive(parts, room, origin, pdu)) });
  }
  return results;
}

/** Both the server that brings the event and the one that it is from must be allowed in the room (A4.1). */
async function refusalByAcl(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  pdu: VerifiedPdu,
): Promise<string | undefined> {
  for (const server of new Set([origin, serverNameOf(pdu.pdu.sender)]))
    if (!(await serverMayTakePart(parts, room.roomId, server))) return `${server} is not allowed in this room`;
  return undefined;
}

/** Takes in one event, with what it needs fetched first. @returns why it was refused */
async function receive(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  pdu: VerifiedPdu,
): Promise<string | undefined> {
  try {
    const outcome = await acceptWithFetches(parts, room, origin, pdu);
    if (outcome.outcome === 'missing') return 'events that it builds on cannot be had';
    return outcome.outcome === 'rejected' ? outcome.reason : undefined;
  } catch (error) {
    if (error instanceof FederationError) return `events that it builds on cannot be had: ${error.message}`;
    throw error;
  }
}

async function accept(parts: RoomParts, room: RoomRow, pdu: VerifiedPdu): Promise<Acceptance> {
  return (await parts.writer.write(room.nid, (open) => acceptEvent(parts, open, pdu))) as Acceptance;
}

/** Fills the gap before an event: first by the missing events themselves, then by the state before it. */
async function acceptWithFetches(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  pdu: VerifiedPdu,
): Promise<Acceptance> {
  let outcome = await accept(parts, room, pdu);
  if (outcome.outcome !== 'missing') return outcome;
  if (outcome.prevEvents.length > 0) {
    await fetchMissingEvents(parts, room, origin, pdu);
    outcome = await accept(parts, room, pdu);
    if (outcome.outcome !== 'missing') return outcome;
  }
  return await acceptWithState(parts, room, origin, pdu, outcome);
}

async function acceptWithState(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  pdu: VerifiedPdu,
  missing: Extract<Acceptance, { outcome: 'missing' }>,
): Promise<Acceptance> {
  if (missing.authEvents.length > 0) await fetchAuthChain(parts, room, origin, pdu.eventId);
  if (missing.prevEvents.length === 0) return await accept(parts, room, pdu);
  const remote = await fetchStateBefore(parts, room, origin, pdu.eventId);
  return await parts.writer.writeAlone(room.nid, async (open) => {
    const stateBefore = await storeRemoteState(parts, open, remote);
    return await acceptEvent(parts, open, pdu, { stateBefore });
  });
}

/** Asks for the events between ours and this one, and takes in those that connect (`POST /get_missing_events`). */
async function fetchMissingEvents(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  pdu: VerifiedPdu,
): Promise<void> {
  const open = await parts.writer.peek(room.nid);
  const earliest = open.extremities.map((extremity) => extremity.eventId);
  const answer = await parts.federation.getMissingEvents(origin, {
    roomId: room.roomId,
    earliestEvents: earliest.slice(0, 20),
    latestEvents: [pdu.eventId],
    limit: MISSING_EVENTS,
  });
  const admitted = await admitPdus(parts, versionOf(room), answer.slice(0, MISSING_EVENTS), room.roomId);
  const events = admitted.filter(isAdmitted).sort((one, other) => one.pdu.depth - other.pdu.depth);
  for (const [index, event] of events.entries()) {
    const outcome = await accept(parts, room, event);
    // The oldest of them is where the gap goes on: from there the state has to stand in for the events.
    if (outcome.outcome === 'missing' && index === 0) await acceptWithState(parts, room, origin, event, outcome);
  }
}
