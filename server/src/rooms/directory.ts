import { forbidden, invalidParam, MatrixError, notFound } from '../protocol/errors.ts';
import { type RoomAlias, type RoomId, type ServerName, stateKey } from '../protocol/event.ts';
import { isRoomAlias, isServerName, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { eventPowerLevel, powerLevelsOf, userPowerLevel } from '../protocol/power-levels.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import { currentStateOf } from '../storage/current-state.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import { membershipOf, serversInRoom } from '../storage/memberships.ts';
import { aliasesOfRoom, deleteAlias, findAlias, insertAlias } from '../storage/room-aliases.ts';
import {
  isPublished,
  type PublishedRoom,
  publishedRoomCount,
  publishedRooms,
  setPublished,
} from '../storage/room-directory.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { openForReading } from './reading.ts';
import type { RoomParts } from './room-parts.ts';
import { roomOfSender, type Sender } from './send.ts';

/** Current state events of the given types with an empty state key, by room and type. Redacted ones are left out. */
export async function plainStateOf(
  parts: RoomParts,
  roomNids: readonly number[],
  types: readonly string[],
): Promise<Map<number, Map<string, StoredEvent>>> {
  const keys = await parts.stateKeys.find(types.map((type) => stateKey(type, '')));
  const rows = await currentStateOf(parts.db, roomNids, [...keys.values()]);
  const events = new Map(
    (
      await eventsByNid(
        parts.db,
        rows.map((row) => row.eventNid),
      )
    ).map((event) => [event.nid, event]),
  );
  const found = new Map<number, Map<string, StoredEvent>>();
  for (const row of rows) {
    const event = events.get(row.eventNid);
    if (event === undefined || event.redactedBy !== null) continue;
    const ofRoom = found.get(row.roomNid) ?? new Map<string, StoredEvent>();
    found.set(row.roomNid, ofRoom.set(event.pdu.type, event));
  }
  return found;
}

/** Aliases of this server for one room. */
const MAX_ALIASES = 200;

/** Whether a joined user has the power to set a kind of state in the room. */
async function maySetState(parts: RoomParts, sender: Sender, room: RoomRow, type: string): Promise<boolean> {
  if ((await membershipOf(parts.db, room.nid, sender.userId))?.membership !== 'join') return false;
  const version = roomVersion(room.version);
  const keys = await parts.stateKeys.find([stateKey('m.room.create', ''), stateKey('m.room.power_levels', '')]);
  const rows = await currentStateOf(parts.db, [room.nid], [...keys.values()]);
  const events = [...(await parts.events.byNid(rows.map((row) => row.eventNid))).values()];
  const create = events.find((event) => event.pdu.type === 'm.room.create');
  if (version === undefined || create === undefined) return false;
  const levels = events.find((event) => event.pdu.type === 'm.room.power_levels');
  const powers = powerLevelsOf(version, create.pdu, levels?.pdu);
  return userPowerLevel(powers, sender.userId) >= eventPowerLevel(powers, type, true);
}

/**
 * Gives a room an alias of this server (`PUT /directory/room/{roomAlias}`): any member may.
 *
 * @throws MatrixError M_INVALID_PARAM, M_FORBIDDEN, M_UNKNOWN 409 when it is taken
 */
export async function createAlias(parts: RoomParts, sender: Sender, alias: string, roomId: string): Promise<void> {
  if (!isRoomAlias(alias)) throw invalidParam('The room alias is not well-formed.');
  if (serverNameOf(alias) !== parts.serverName) throw invalidParam('Aliases of other servers are made there.');
  const room = await roomOfSender(parts, roomId);
  if ((await membershipOf(parts.db, room.nid, sender.userId))?.membership !== 'join')
    throw forbidden('You are not in this room.');
  if ((await aliasesOfRoom(parts.db, room.nid)).length >= MAX_ALIASES)
    throw forbidden(`The room has ${MAX_ALIASES} aliases already, which is the most.`);
  if (!(await insertAlias(parts.db, { alias, roomNid: room.nid, creator: sender.userId })))
    throw new MatrixError('M_UNKNOWN', 'This alias is taken.', 409);
}

/**
 * Takes an alias away (`DELETE /directory/room/{roomAlias}`): its creator may, and who may set the room's canonical alias
 * (A4.4).
 *
 * @throws MatrixError M_NOT_FOUND, M_FORBIDDEN
 */
export async function removeAlias(parts: RoomParts, sender: Sender, alias: string): Promise<void> {
  const row = isRoomAlias(alias) ? await findAlias(parts.db, alias) : undefined;
  const room = row === undefined ? undefined : (await parts.rooms.byNid([row.roomNid])).get(row.roomNid);
  if (row === undefined || room === undefined) throw notFound('There is no such alias.');
  if (row.creator !== sender.userId && !(await maySetState(parts, sender, room, 'm.room.canonical_alias')))
    throw forbidden('Only its creator and moderators may delete an alias.');
  await deleteAlias(parts.db, alias);
}

/** `GET /rooms/{roomId}/aliases`. @throws MatrixError M_FORBIDDEN */
export async function localAliases(parts: RoomParts, sender: Sender, roomId: string): Promise<string[]> {
  const { room } = await openForReading(parts, roomId, sender.userId);
  return await aliasesOfRoom(parts.db, room.nid);
}

/** @throws MatrixError M_NOT_FOUND */
export async function isRoomPublished(parts: RoomParts, roomId: string): Promise<boolean> {
  const room = await parts.rooms.byId(roomId);
  if (room === undefined) throw notFound('There is no such room.');
  return await isPublished(parts.db, room.nid);
}

/** Publishes a room in the directory or takes it out: who may set its canonical alias may. @throws MatrixError M_FORBIDDEN */
export async function setRoomPublished(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  published: boolean,
): Promise<void> {
  const room = await parts.rooms.byId(roomId);
  if (room === undefined) throw notFound('There is no such room.');
  if (!(await maySetState(parts, sender, room, 'm.room.canonical_alias')))
    throw forbidden('You may not change whether this room is in the directory.');
  await setPublished(parts.db, room.nid, published);
}

export interface PublicRoomsQuery {
  /** Another server whose directory is asked. */
  readonly server?: string;
  readonly limit?: number;
  readonly since?: string;
  readonly term?: string;
  /** Types of room wanted; null stands for rooms without a type. */
  readonly roomTypes?: readonly (string | null)[];
}

const MAX_LIMIT = 200;
/** Rooms looked through in one request when a search term leaves few of them. */
const MAX_SCANNED = 2_000;
const SCAN_PAGE = 200;

/** A page of the room directory, ours or another server's. @throws MatrixError M_INVALID_PARAM */
export async function publicRooms(parts: RoomParts, query: PublicRoomsQuery): Promise<JsonObject> {
  const limit = Math.min(query.limit ?? 50, MAX_LIMIT);
  if (query.server !== undefined && query.server !== parts.serverName) {
    if (!isServerName(query.server)) throw invalidParam('`server` is not a server name.');
    const filter = {
      ...(query.term === undefined ? {} : { generic_search_term: query.term }),
      ...(query.roomTypes === undefined ? {} : { room_types: [...query.roomTypes] }),
    };
    return await parts.federation.publicRooms(query.server, { limit, since: query.since, filter });
  }
  const token = /^([ob])(\d{1,9})$/.exec(query.since ?? 'o0');
  if (token === null) throw invalidParam('This pagination token is not one of ours.');
  const scan = token[1] === 'o' ? roomsFrom : roomsBefore;
  const { chunk, start, end, isLast } = await scan(parts, query, Number(token[2]), limit);
  return {
    chunk,
    total_room_count_estimate: await publishedRoomCount(parts.db),
    ...(isLast ? {} : { next_batch: `o${end}` }),
    ...(start === 0 ? {} : { prev_batch: `b${start}` }),
  };
}

/** A page of our directory: the offsets that it covers, also of the rooms that the search leaves out. */
interface DirectoryPage {
  readonly chunk: JsonObject[];
  readonly start: number;
  readonly end: number;
  /** No room comes after it. */
  readonly isLast: boolean;
}

type Search = Pick<PublicRoomsQuery, 'term' | 'roomTypes'>;

async function roomsFrom(parts: RoomParts, query: Search, start: number, limit: number): Promise<DirectoryPage> {
  const chunk: JsonObject[] = [];
  let end = start;
  let isLast = false;
  while (chunk.length < limit && !isLast && end - start < MAX_SCANNED) {
    const rooms = await publishedRooms(parts.db, end, SCAN_PAGE);
    isLast = rooms.length < SCAN_PAGE;
    for (const summary of await roomSummaries(parts, rooms)) {
      if (chunk.length === limit) {
        isLast = false;
        break;
      }
      end += 1;
      if (matches(summary, query)) chunk.push(summary);
    }
  }
  return { chunk, start, end, isLast };
}

async function roomsBefore(parts: RoomParts, query: Search, end: number, limit: number): Promise<DirectoryPage> {
  const chunk: JsonObject[] = [];
  let start = end;
  while (chunk.length < limit && start > 0 && end - start < MAX_SCANNED) {
    const from = Math.max(0, start - SCAN_PAGE);
    const summaries = await roomSummaries(parts, await publishedRooms(parts.db, from, start - from));
    for (const summary of summaries.reverse()) {
      if (chunk.length === limit) break;
      start -= 1;
      if (matches(summary, query)) chunk.unshift(summary);
    }
    if (summaries.length === 0) start = from;
  }
  return { chunk, start, end, isLast: false };
}

function matches(summary: JsonObject, query: Search): boolean {
  if (query.roomTypes !== undefined && !query.roomTypes.includes((summary.room_type as string | undefined) ?? null))
    return false;
  if (query.term === undefined || query.term === '') return true;
  const term = query.term.toLowerCase();
  return ['name', 'topic', 'canonical_alias'].some((key) => {
    const value = summary[key];
    return typeof value === 'string' && value.toLowerCase().includes(term);
  });
}

const SUMMARY_TYPES = [
  'm.room.create',
  'm.room.name',
  'm.room.topic',
  'm.room.avatar',
  'm.room.canonical_alias',
  'm.room.join_rules',
  'm.room.history_visibility',
  'm.room.guest_access',
];

/** What a directory shows of rooms, in the order given. */
export async function roomSummaries(parts: RoomParts, rooms: readonly PublishedRoom[]): Promise<JsonObject[]> {
  const state = await plainStateOf(
    parts,
    rooms.map((room) => room.nid),
    SUMMARY_TYPES,
  );
  return rooms.map((room) => {
    const text = (type: string, key: string) => {
      const value = state.get(room.nid)?.get(type)?.pdu.content[key];
      return typeof value === 'string' && value !== '' ? value : undefined;
    };
    const optional = {
      name: text('m.room.name', 'name'),
      topic: text('m.room.topic', 'topic'),
      avatar_url: text('m.room.avatar', 'url'),
      canonical_alias: text('m.room.canonical_alias', 'alias'),
      room_type: text('m.room.create', 'type'),
    };
    return {
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
      room_id: room.roomId,
      num_joined_members: room.joinedMembers,
      join_rule: text('m.room.join_rules', 'join_rule') ?? 'invite',
      world_readable: text('m.room.history_visibility', 'history_visibility') === 'world_readable',
      guest_can_join: text('m.room.guest_access', 'guest_access') === 'can_join',
    };
  });
}

/** Room and servers of an alias of this server; undefined when there is no such alias. */
export async function localAliasTarget(
  parts: RoomParts,
  alias: RoomAlias,
): Promise<{ roomId: RoomId; servers: readonly ServerName[] } | undefined> {
  const row = await findAlias(parts.db, alias);
  const room = row === undefined ? undefined : (await parts.rooms.byNid([row.roomNid])).get(row.roomNid);
  if (room === undefined) return undefined;
  const others = (await serversInRoom(parts.db, room.nid)).filter((server) => server !== parts.serverName);
  return { roomId: room.roomId, servers: [parts.serverName, ...others] };
}
