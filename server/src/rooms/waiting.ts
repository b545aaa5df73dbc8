import { authEventIds, type EventId, prevEventIds, type ServerName } from '../protocol/event.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { keepWaitingPdu } from '../storage/waiting-pdus.ts';
import type { Acceptance } from './accept-event.ts';
import type { VerifiedPdu } from './admit-pdu.ts';
import type { RefusedPdu } from './check-pdu.ts';
import type { RoomParts } from './room-parts.ts';

/** What it takes to judge an event anew that was refused by a state which somebody told us; undefined for any other. */
export function awaitedBy(outcome: Acceptance): readonly EventId[] | undefined {
  return outcome.outcome === 'known' || outcome.outcome === 'missing' ? undefined : outcome.awaits;
}

/**
 * Keeps an event that was refused only because something is missing.
 *
 * @param origin server that brought it
 * @param awaited events that have to arrive besides those that it names
 */
export async function keepWaiting(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  pdu: VerifiedPdu,
  awaited: readonly EventId[] = [],
): Promise<void> {
  const names = { prevEvents: [...prevEventIds(pdu.pdu), ...awaited], authEvents: authEventIds(pdu.pdu) };
  const waiting = { roomNid: room.nid, eventId: pdu.eventId, origin, json: pdu.json, ...names };
  await keepWaitingPdu(parts.db, waiting, parts.clock.now());
}

/** Keeps an event whose signature cannot be verified at present, because the key cannot be had. */
export async function keepForKey(
  parts: RoomParts,
  room: RoomRow,
  origin: ServerName,
  { event, json, key }: NonNullable<RefusedPdu['unverified']>,
): Promise<void> {
  const waiting = { roomNid: room.nid, eventId: event.eventId, origin, json, prevEvents: [], authEvents: [], key };
  await keepWaitingPdu(parts.db, waiting, parts.clock.now());
}
