import { type EventId, type Pdu, type ServerName, stateKey } from '../protocol/event.ts';
import { authReachBelow } from '../storage/auth-chains.ts';
import type { EventForm } from '../storage/event-texts.ts';
import { eventInRoom, eventsById, eventsByNid, type StoredEvent } from '../storage/events.ts';
import { heroes } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { type Snapshot, snapshotEntries } from '../storage/state-snapshots.ts';
import { authChainBatches, type EventBatches, eventBatches } from './event-batches.ts';
import {
  getEventForServer,
  getEventOfAnyRoomForServer,
  noSuchEvent,
  openForServer,
  pdusForReader,
  type ServerReader,
  visibleToServer,
} from './read-for-server.ts';
import type { RoomParts } from './room-parts.ts';

/** Events that one call names at most. */
const MAX_NAMED = 20;
const MAX_BACKFILL = 100;
const MAX_MISSING = 100;
const DEFAULT_MISSING = 10;

/** `GET /event/{eventId}`: the one event, in a list. @throws MatrixError M_NOT_FOUND */
export async function eventForServer(parts: RoomParts, server: ServerName, eventId: string): Promise<Pdu[]> {
  const { reader, event } = await getEventOfAnyRoomForServer(parts, server, eventId);
  return await pdusForReader(parts, reader, [event]);
}

/** `GET /event_auth/{roomId}/{eventId}`: the auth chain of an event. @throws MatrixError M_NOT_FOUND */
export async function authChainForServer(
  parts: RoomParts,
  server: ServerName,
  roomId: string,
  eventId: string,
): Promise<EventBatches> {
  const reader = await openForServer(parts, server, roomId);
  const event = await getEventForServer(parts, reader, eventId);
  const reach = await authReachBelow(parts.db, [event.nid]);
  return authChainBatches({ db: parts.db, room: reader.room, form: 'pdus' }, reach);
}

/** The state before an event and the auth chains of its events. */
export interface StateForServer {
  readonly state: EventBatches;
  readonly authChain: EventBatches;
}

/** `GET /state/{roomId}` and `GET /state_ids/{roomId}`. @throws MatrixError M_NOT_FOUND */
export async function stateForServer(
  parts: RoomParts,
  server: ServerName,
  request: { readonly roomId: string; readonly eventId: string; readonly form: EventForm },
): Promise<StateForServer> {
  const reader = await openForServer(parts, server, request.roomId);
  const event = await getEventForServer(parts, reader, request.eventId);
  return await stateBefore(parts, reader.room, event, request.form);
}

/**
 * What a server is given that has just entered the room by this join (`PUT /send_join/{roomId}/{eventId}`).
 *
 * @param omitMembers leaves out memberships but those that give a room without a name one, and of the auth chain what is in
 *   the state already
 */
export async function stateForJoin(
  parts: RoomParts,
  room: RoomRow,
  joinId: EventId,
  omitMembers: boolean,
): Promise<StateForServer & { readonly join: StoredEvent }> {
  const join = await eventInRoom(parts.db, room.nid, joinId);
  if (join === undefined) throw new Error(`the join ${joinId} is not there`);
  if (!omitMembers) return { join, ...(await stateBefore(parts, room, join, 'pdus')) };
  const nids = await withoutMembers(parts, room, join, await snapshotBefore(parts, join));
  const reach = await authReachBelow(parts.db, [...nids, join.nid]);
  const reading = { db: parts.db, room, form: 'pdus' } as const;
  return { join, state: eventBatches(reading, nids), authChain: authChainBatches(reading, reach, new Set(nids)) };
}

async function stateBefore(
  parts: RoomParts,
  room: RoomRow,
  event: StoredEvent,
  form: EventForm,
): Promise<StateForServer> {
  const nids = [...snapshotEntries(await snapshotBefore(parts, event)).values()];
  const reach = await authReachBelow(parts.db, [...nids, event.nid]);
  const reading = { db: parts.db, room, form };
  return { state: eventBatches(reading, nids), authChain: authChainBatches(reading, reach) };
}

async function snapshotBefore(parts: RoomParts, event: StoredEvent): Promise<Snapshot | undefined> {
  // Told to us on entering, so we do not know the state at that point. Before the create event there was none.
  if (event.stateAfter === null) throw noSuchEvent();
  return event.stateBefore === null ? undefined : await parts.snapshots.load(event.stateBefore);
}

/** Nids of the events of a state that are no memberships, and of the heroes' where nothing else names the room. */
async function withoutMembers(
  parts: RoomParts,
  room: RoomRow,
  join: StoredEvent,
  state: Snapshot | undefined,
): Promise<number[]> {
  const entries = snapshotEntries(state);
  const keys = await parts.stateKeys.resolve([...entries.keys()]);
  const held = new Set(keys.values());
  const isNamed = held.has(stateKey('m.room.name', '')) || held.has(stateKey('m.room.canonical_alias', ''));
  const members = isNamed ? [] : await heroes(parts.db, [room.nid], join.sender);
  const named = new Set(members.map(({ userId }) => stateKey('m.room.member', userId)));
  return [...entries].flatMap(([keyNid, nid]) => {
    const key = keys.get(keyNid);
    return key?.startsWith('m.room.member\0') && !named.has(key) ? [] : [nid];
  });
}

/**
 * `GET /backfill/{roomId}`: the named events and what came before them, newest first.
 *
 * @throws MatrixError M_NOT_FOUND
 */
export async function backfillForServer(
  parts: RoomParts,
  server: ServerName,
  roomId: string,
  request: { readonly from: readonly string[]; readonly limit: number },
): Promise<Pdu[]> {
  const reader = await openForServer(parts, server, roomId);
  const start = await namedEvents(parts, reader, request.from);
  const limit = Math.min(Math.max(request.limit, 0), MAX_BACKFILL);
  const found = await walkBack(parts, reader, start, { limit, minDepth: 0, stopAt: new Set() });
  return await pdusForReader(parts, reader, found);
}

/** What `POST /get_missing_events/{roomId}` asks for. */
export interface MissingEventsRequest {
  readonly earliest: readonly string[];
  readonly latest: readonly string[];
  readonly limit: number | undefined;
  readonly minDepth: number | undefined;
}

/**
 * `POST /get_missing_events/{roomId}`: what came before the latest events, back to the earliest, oldest first.
 *
 * @throws MatrixError M_NOT_FOUND
 */
export async function missingEventsForServer(
  parts: RoomParts,
  server: ServerName,
  roomId: string,
  request: MissingEventsRequest,
): Promise<Pdu[]> {
  const reader = await openForServer(parts, server, roomId);
  const latest = await namedEvents(parts, reader, request.latest);
  const earliest = await namedEvents(parts, reader, request.earliest);
  const stopAt = new Set([...latest, ...earliest].map((event) => event.nid));
  const start = await visiblePrevs(parts, reader, latest, stopAt);
  const limit = Math.min(Math.max(request.limit ?? DEFAULT_MISSING, 0), MAX_MISSING);
  const found = await walkBack(parts, reader, start, { limit, minDepth: request.minDepth ?? 0, stopAt });
  return await pdusForReader(parts, reader, found.reverse());
}

async function namedEvents(parts: RoomParts, reader: ServerReader, ids: readonly string[]): Promise<StoredEvent[]> {
  return await visibleToServer(parts, reader, await eventsById(parts.db, [...new Set(ids)].slice(0, MAX_NAMED)));
}

async function visiblePrevs(
  parts: RoomParts,
  reader: ServerReader,
  events: readonly StoredEvent[],
  seen: ReadonlySet<number>,
): Promise<StoredEvent[]> {
  const nids = new Set(events.flatMap((event) => event.prevEvents).filter((nid) => !seen.has(nid)));
  return await visibleToServer(parts, reader, await eventsByNid(parts.db, [...nids]));
}

interface Walk {
  readonly limit: number;
  readonly minDepth: number;
  /** Nids of events that are neither answered nor passed. */
  readonly stopAt: ReadonlySet<number>;
}

/** Walks back along `prevEvents`, breadth first, each event once. Events that the server may not see end the walk there. */
async function walkBack(
  parts: RoomParts,
  reader: ServerReader,
  start: readonly StoredEvent[],
  { limit, minDepth, stopAt }: Walk,
): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  const seen = new Set(stopAt);
  let level = [...start];
  while (level.length > 0 && found.length < limit) {
    const taken = level
      .filter((event) => event.depth >= minDepth)
      .sort((one, other) => other.depth - one.depth)
      .slice(0, limit - found.length);
    for (const event of taken) seen.add(event.nid);
    found.push(...taken);
    level = await visiblePrevs(parts, reader, taken, seen);
  }
  return found;
}
