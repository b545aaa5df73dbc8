import { notFound } from '../protocol/errors.ts';
import { type Pdu, type ServerName, stateKey, type UserId } from '../protocol/event.ts';
import {
  type HistoryVisibility,
  historyVisibility,
  mayViewEvent,
  strongestMembership,
  type ViewpointState,
} from '../protocol/history-visibility.ts';
import { redactEvent } from '../protocol/redaction.ts';
import { eventInRoom, eventsById, type StoredEvent } from '../storage/events.ts';
import { longestJoined, serverIsJoined, usersOfServer } from '../storage/memberships.ts';
import { type RoomRow, roomHead } from '../storage/rooms.ts';
import { type Snapshot, snapshotGet } from '../storage/state-snapshots.ts';
import { erasedEvents, withoutJoined } from './erasure.ts';
import { versionOf } from './fetch-events.ts';
import type { RoomParts } from './room-parts.ts';
import { serverMayTakePart } from './room-policy.ts';

/** Members of a server whose events are read at a time. */
const MEMBERS_AT_ONCE = 100;

/** A room opened for one server to read: what it has looked up about that server is kept for the request. */
export interface ServerReader {
  readonly room: RoomRow;
  readonly server: ServerName;
  /** State keys of the server's users: see `memberKeys`, page by page, looked up when they first matter. */
  readonly memberKeys: (readonly number[])[];
  readonly views: Map<number, ViewpointState>;
}

/** The one refusal of all federated reads: nobody can tell from it what exists (A3.1). */
export function noSuchEvent() {
  return notFound('There is no such event.');
}

/**
 * Opens a room for a server that reads it: both that server and this one have to be in it, and its ACL has to allow the server.
 *
 * @throws MatrixError M_NOT_FOUND, always the same
 */
export async function openForServer(parts: RoomParts, server: ServerName, roomId: string): Promise<ServerReader> {
  const room = await parts.rooms.byId(roomId);
  if (room === undefined) throw noSuchEvent();
  // Of a room that this server has left it cannot know who may read it now.
  const areBothJoined =
    (await serverIsJoined(parts.db, room.nid, server)) && (await serverIsJoined(parts.db, room.nid, parts.serverName));
  if (!areBothJoined || !(await serverMayTakePart(parts, room.roomId, server))) throw noSuchEvent();
  return { room, server, memberKeys: [], views: new Map() };
}

/**
 * The one way in which a server gets at an event of a room (A3.1). Events that are unknown, of another room, or not for that
 * server are refused in the same words.
 *
 * @throws MatrixError M_NOT_FOUND
 */
export async function getEventForServer(parts: RoomParts, reader: ServerReader, eventId: string): Promise<StoredEvent> {
  const event = await eventInRoom(parts.db, reader.room.nid, eventId);
  const [visible] = event === undefined ? [] : await visibleToServer(parts, reader, [event]);
  if (visible === undefined) throw noSuchEvent();
  return visible;
}

/** The same where the call names no room. @throws MatrixError M_NOT_FOUND */
export async function getEventOfAnyRoomForServer(
  parts: RoomParts,
  server: ServerName,
  eventId: string,
): Promise<{ readonly reader: ServerReader; readonly event: StoredEvent }> {
  const [found] = await eventsById(parts.db, [eventId]);
  const room = found === undefined ? undefined : (await parts.rooms.byNid([found.roomNid])).get(found.roomNid);
  if (room === undefined) throw noSuchEvent();
  const reader = await openForServer(parts, server, room.roomId);
  return { reader, event: await getEventForServer(parts, reader, eventId) };
}

/**
 * Those of the events that the server may see (Client-Server API, "History visibility"): what any of its users may see, at the
 * state before or after the event. Outliers and rejected events are for nobody.
 */
export async function visibleToServer(
  parts: RoomParts,
  reader: ServerReader,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const visible: StoredEvent[] = [];
  for (const event of events) {
    if (event.roomNid !== reader.room.nid) continue;
    if (event.admission !== 'accepted' && event.admission !== 'soft_failed') continue;
    if (event.stateAfter === null) {
      if (await isOfPresentState(parts, reader, event)) visible.push(event);
      continue;
    }
    const before = await viewAt(parts, reader, event.stateBefore);
    const after = await viewAt(parts, reader, event.stateAfter);
    // The server is in the room now, so its users were joined at some point after the event.
    if (mayViewEvent(before, after, true)) visible.push(event);
  }
  return visible;
}

/** Kinds of events that auth chains are made of. Every server of the room is given those. */
const AUTH_TYPES: ReadonlySet<string> = new Set([
  'm.room.create',
  'm.room.power_levels',
  'm.room.join_rules',
  'm.room.member',
  'm.room.third_party_invite',
]);

/**
 * State that was told to us when we entered the room has no place in our graph, so who was in the room then is not known. A
 * server may see what it was told itself on entering: the present state and what authorises it, and the rest where history is
 * shared with those who enter.
 */
async function isOfPresentState(parts: RoomParts, reader: ServerReader, event: StoredEvent): Promise<boolean> {
  if (AUTH_TYPES.has(event.pdu.type)) return true;
  const head = await roomHead(parts.db, reader.room.nid);
  if (head === undefined || head.currentState === null) return false;
  const state = await parts.snapshots.load(head.currentState);
  if (event.stateKeyNid !== null && snapshotGet(state, event.stateKeyNid) === event.nid) return true;
  const visibility = await visibilityIn(parts, state);
  return visibility === 'shared' || visibility === 'world_readable';
}

async function viewAt(parts: RoomParts, reader: ServerReader, snapshotId: number | null): Promise<ViewpointState> {
  const known = reader.views.get(snapshotId ?? 0);
  if (known !== undefined) return known;
  const snapshot = snapshotId === null ? undefined : await parts.snapshots.load(snapshotId);
  const visibility = await visibilityIn(parts, snapshot);
  // Only where it matters: a server may have had many users in the room.
  const byMembership = visibility === 'invited' || visibility === 'joined';
  const membership = byMembership ? await membershipIn(parts, reader, snapshot) : undefined;
  const view = { visibility, membership };
  reader.views.set(snapshotId ?? 0, view);
  return view;
}

async function visibilityIn(parts: RoomParts, state: Snapshot | undefined): Promise<HistoryVisibility> {
  const [keyNid] = (await parts.stateKeys.find([stateKey('m.room.history_visibility', '')])).values();
  const nid = keyNid === undefined ? undefined : snapshotGet(state, keyNid);
  const event = nid === undefined ? undefined : (await parts.events.byNid([nid])).get(nid);
  return historyVisibility(event?.pdu.content);
}

/**
 * The strongest membership that any user of the server has in the state. A server may have very many users in the room: those who
 * have been there for longest are looked at first, and the first who was joined decides.
 */
async function membershipIn(
  parts: RoomParts,
  reader: ServerReader,
  state: Snapshot | undefined,
): Promise<'join' | 'invite' | undefined> {
  let strongest: 'join' | 'invite' | undefined;
  for (let page = 0; ; page++) {
    const keys = reader.memberKeys[page] ?? (await memberKeys(parts, reader, page));
    reader.memberKeys[page] = keys;
    for (let from = 0; from < keys.length; from += MEMBERS_AT_ONCE) {
      const nids = keys.slice(from, from + MEMBERS_AT_ONCE).flatMap((key) => snapshotGet(state, key) ?? []);
      const members = [...(await parts.events.byNid(nids)).values()].map(({ pdu }) => pdu.content.membership);
      strongest = strongestMembership([strongest, ...members.filter((membership) => typeof membership === 'string')]);
      if (strongest === 'join') return strongest;
    }
    if (page > 0) return strongest;
  }
}

/** Those of the server's users who have been in the room for longest, and on the second page all of them. */
async function memberKeys(parts: RoomParts, { room, server }: ServerReader, page: number): Promise<number[]> {
  const users: UserId[] =
    page === 0
      ? await longestJoined(parts.db, room.nid, server, MEMBERS_AT_ONCE)
      : await usersOfServer(parts.db, room.nid, server);
  return [...(await parts.stateKeys.find(users.map((userId) => stateKey('m.room.member', userId)))).values()];
}

/** The event as it is sent to servers that ask for it: without what has been redacted. @param isErased see `erasure.ts` */
export function pduForServer(room: RoomRow, event: StoredEvent, isErased = false): Pdu {
  return event.redactedBy === null && !isErased ? event.pdu : redactEvent(event.pdu, versionOf(room));
}

/** The same for events that a server reads, redacted where their sender had them erased before the server came to see them. */
export async function pdusForReader(
  parts: RoomParts,
  reader: ServerReader,
  events: readonly StoredEvent[],
): Promise<Pdu[]> {
  const erased = await withoutJoined(await erasedEvents(parts, events), async (snapshotIds) => {
    const joined = new Set<number>();
    for (const id of snapshotIds)
      if ((await membershipIn(parts, reader, await parts.snapshots.load(id))) === 'join') joined.add(id);
    return joined;
  });
  return events.map((event) => pduForServer(reader.room, event, erased.has(event.nid)));
}
