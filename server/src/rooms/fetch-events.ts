import { askedEnough } from '../federation/federation-error.ts';
import type { CallOptions } from '../federation/signed-request.ts';
import type { EventId, ServerName } from '../protocol/event.ts';
import { type RoomVersion, roomVersion } from '../protocol/room-versions.ts';
import { eventsById } from '../storage/events.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { admitPdus, isAdmitted, type VerifiedPdu } from './admit-pdu.ts';
import type { RoomParts } from './room-parts.ts';
import { storeAuthChain, type ToldState } from './store-state-events.ts';

/** Events that one missing piece may cost in requests of their own; more are fetched as a whole state. */
const MAX_SINGLE_FETCHES = 50;
/** Requests that are not spent on single events of a state. */
const SPARED = 3;

/** Requests that may still be made for one purpose. */
export interface FetchBudget {
  left: number;
  /** More would have been needed. */
  isOverdrawn: boolean;
}

export interface FetchOptions extends CallOptions {
  readonly budget?: FetchBudget;
}

/** Notes that a server is about to be asked. @throws FederationError when it has been asked enough */
export function spend(server: ServerName, { budget }: FetchOptions, requests = 1): void {
  if (budget === undefined) return;
  if (budget.left < requests) {
    budget.isOverdrawn = true;
    throw askedEnough(server);
  }
  budget.left -= requests;
}

export function versionOf(room: RoomRow): RoomVersion {
  const version = roomVersion(room.version);
  if (version === undefined) throw new Error(`room ${room.roomId} has the unknown version ${room.version}`);
  return version;
}

/**
 * The state before an event as `server` tells it (Server-Server API, `GET /state_ids` and `GET /state`): only events that we
 * lack travel, unless they are so many that the whole state is the smaller request.
 *
 * @throws FederationError
 */
export async function fetchStateBefore(
  parts: RoomParts,
  room: RoomRow,
  server: ServerName,
  eventId: EventId,
  options: FetchOptions,
): Promise<ToldState> {
  const version = versionOf(room);
  spend(server, options);
  const ids = await parts.federation.stateIds(server, { roomId: room.roomId, eventId }, options);
  const wanted = [...new Set([...ids.pduIds, ...ids.authChainIds])];
  const held = new Set(
    (await eventsById(parts.db, wanted))
      .filter((event) => event.roomNid === room.nid && event.admission !== 'outlier')
      .map((event) => event.eventId),
  );
  const missing = wanted.filter((id) => !held.has(id));
  if (missing.length > Math.min(MAX_SINGLE_FETCHES, (options.budget?.left ?? Infinity) - SPARED)) {
    spend(server, options);
    const whole = await parts.federation.state(server, { roomId: room.roomId, eventId }, options);
    const admit = async (pdus: readonly unknown[]) =>
      (await admitPdus(parts, version, pdus, room.roomId)).filter(isAdmitted);
    return { state: await admit(whole.pdus), authChain: await admit(whole.authChain), held: [] };
  }
  const fetched = await fetchEvents(parts, room, server, missing, options);
  const inState = new Set(ids.pduIds);
  return {
    state: fetched.filter((event) => inState.has(event.eventId)),
    authChain: fetched.filter((event) => !inState.has(event.eventId)),
    held: ids.pduIds.filter((id) => held.has(id)),
  };
}

/** Single events of a room; those that cannot be had or are not sound are left out. */
export async function fetchEvents(
  parts: RoomParts,
  room: RoomRow,
  server: ServerName,
  ids: readonly EventId[],
  options: FetchOptions,
): Promise<VerifiedPdu[]> {
  spend(server, options, ids.length);
  const answers = await Promise.allSettled(
    ids.slice(0, MAX_SINGLE_FETCHES).map((eventId) => parts.federation.event(server, { eventId }, options)),
  );
  const pdus = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const wanted = new Set(ids);
  return (await admitPdus(parts, versionOf(room), pdus, room.roomId))
    .filter(isAdmitted)
    .filter((event) => wanted.has(event.eventId));
}

/** Fetches the auth chain of an event and stores it without a place in the graph. @throws FederationError */
export async function fetchAuthChain(
  parts: RoomParts,
  room: RoomRow,
  server: ServerName,
  eventId: EventId,
  options: FetchOptions,
): Promise<void> {
  spend(server, options);
  const chain = await parts.federation.eventAuth(server, { roomId: room.roomId, eventId }, options);
  const admitted = (await admitPdus(parts, versionOf(room), chain, room.roomId)).filter(isAdmitted);
  await parts.writer.writeAlone(room.nid, async (open) => await storeAuthChain(parts, open, admitted));
}
