import type { KeyedLock } from '../base/keyed-lock.ts';
import { FederationError } from '../federation/federation-error.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { EventId, RoomId, ServerName } from '../protocol/event.ts';
import { isRoomId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject } from '../protocol/json.ts';
import { membershipOf, serverIsJoined } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { type Acceptance, acceptEvent } from './accept-event.ts';
import { admitPdus, isAdmitted, type RefusedPdu, type VerifiedPdu } from './admit-pdu.ts';
import { versionOf } from './fetch-events.ts';
import { acceptWithFetches, followsHead } from './fill-gap.ts';
import { storeOutlierMembership } from './outlier-membership.ts';
import type { RoomParts } from './room-parts.ts';
import { serverMayTakePart } from './room-policy.ts';
import { serversThatKnow } from './stripped-state.ts';

/** What has become of a PDU. Without an id it could not even be told what event it is. */
export interface PduResult {
  readonly eventId: EventId | undefined;
  /** Why it was refused, for people. */
  readonly error: string | undefined;
}

/** Order of the events that one server sends to one room. A server that answers slowly keeps only itself waiting. */
export type ReceiveLocks = KeyedLock<string>;

/** What must hold for all PDUs of one call and one room. */
interface Delivery {
  readonly room: RoomRow;
  readonly origin: ServerName;
  /** Aborted when the time for fetching what is missing is up. */
  readonly signal: AbortSignal;
}

/**
 * Receives PDUs of a transaction (Server-Server API, "Receiving PDUs"): those of one room in order, rooms side by side. What is
 * wrong with one of them spoils no other (A1.6).
 *
 * @param signal ends the fetching of events that are missing; what cannot be accepted without them is refused
 * @returns a result for each, in the order of the input
 */
export async function receivePdus(
  parts: RoomParts,
  locks: ReceiveLocks,
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
      const outcomes = await locks.run(
        `${room.nid} ${origin}`,
        async () => await receiveInRoom(parts, { room, origin, signal }, ofRoom),
      );
      for (const [index, [at]] of entries.entries()) results[at] = outcomes[index] ?? (results[at] as PduResult);
    }),
  );
  return results;
}

function roomIdOfUnverified(pdu: unknown): RoomId | undefined {
  return isJsonObject(pdu) && isRoomId(pdu.room_id) ? pdu.room_id : undefined;
}

async function receiveInRoom(parts: RoomParts, delivery: Delivery, pdus: readonly unknown[]): Promise<PduResult[]> {
  const { room } = delivery;
  const admitted = await admitPdus(parts, versionOf(room), pdus, room.roomId);
  const results: PduResult[] = [];
  while (results.length < admitted.length) {
    results.push(...(await receiveRun(parts, delivery, messagesFrom(admitted, results.length))));
    const next = admitted[results.length];
    if (next === undefined) break;
    const error = isAdmitted(next) ? await receive(parts, delivery, next) : next.reason;
    results.push({ eventId: next.eventId, error });
  }
  return results;
}

/** The messages that stand one after the other from an index on: nothing among them changes who may do what. */
function messagesFrom(pdus: readonly (VerifiedPdu | RefusedPdu)[], from: number): VerifiedPdu[] {
  const run: VerifiedPdu[] = [];
  for (const pdu of pdus.slice(from)) {
    if (!isAdmitted(pdu) || pdu.pdu.state_key !== undefined) break;
    run.push(pdu);
  }
  return run;
}

/**
 * Takes in messages that follow the newest event of the room one by one, all in one transaction, as far as they do.
 *
 * @returns results of those that it has taken in or refused, from the first on; the next one needs a look of its own
 */
async function receiveRun(parts: RoomParts, delivery: Delivery, run: readonly VerifiedPdu[]): Promise<PduResult[]> {
  const { room, origin } = delivery;
  if (run.length < 2) return [];
  try {
    const senders = new Set(run.map(({ pdu }) => serverNameOf(pdu.sender)));
    for (const server of senders.add(origin)) if (!(await serverMayTakePart(parts, room.roomId, server))) return [];
    if (!(await serverIsJoined(parts.db, room.nid, parts.serverName))) return [];
    return await parts.writer.writeAlone(room.nid, async (open) => {
      const results: PduResult[] = [];
      for (const pdu of run) {
        const outcome = followsHead(open, pdu) ? await acceptEvent(parts, open, pdu) : undefined;
        if (outcome === undefined || outcome.outcome === 'missing') break;
        results.push({ eventId: pdu.eventId, error: refusalIn(outcome) });
      }
      return results;
    });
  } catch (error) {
    // One by one it is found out which of them it was.
    rethrowIfAway(error);
    return [];
  }
}

function refusalIn(outcome: Acceptance): string | undefined {
  if (outcome.outcome === 'missing') return 'events that it builds on cannot be had';
  return outcome.outcome === 'rejected' ? (outcome.reason ?? 'rejected') : undefined;
}

/** While the database is away nothing can be said about any event: the whole transaction has to come again. */
function rethrowIfAway(error: unknown): void {
  if (error instanceof MatrixError && !(error instanceof FederationError) && error.status === 503) throw error;
}

/** Takes in one event. @returns why it was refused */
async function receive(parts: RoomParts, delivery: Delivery, pdu: VerifiedPdu): Promise<string | undefined> {
  const { room, origin, signal } = delivery;
  try {
    const refusal = await refusalByAcl(parts, room, origin, pdu);
    if (refusal !== undefined) return refusal;
    // A room that nobody here is in is none of our business (A1.19).
    if (!(await serverIsJoined(parts.db, room.nid, parts.serverName))) return await endInvite(parts, room, pdu);
    return refusalIn(await acceptWithFetches(parts, { room, server: origin, signal }, pdu));
  } catch (error) {
    if (error instanceof FederationError) return `events that it builds on cannot be had: ${error.message}`;
    rethrowIfAway(error);
    parts.onError(error);
    return 'this server failed to process the event';
  }
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
