import { forbidden, invalidParam } from '../protocol/errors.ts';
import type { RoomId, UserId } from '../protocol/event.ts';
import { isRoomId, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { membershipsOfUser } from '../storage/memberships.ts';
import type { RemoteSpaces } from './remote-spaces.ts';
import type { RoomParts } from './room-parts.ts';
import { OPEN_RULES } from './space-for-server.ts';
import { residentRooms, type SpaceChild, type SpaceRoom, shownSpaceRoom, spaceRoomsOf } from './space-rooms.ts';

export interface HierarchyQuery {
  readonly suggestedOnly: boolean;
  readonly limit: number | undefined;
  readonly maxDepth: number | undefined;
  readonly from: string | undefined;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 50;
const MAX_DEPTH = 10;
/** Rooms that one walk looks at (A4.5). */
const MAX_WALKED = 1_000;
/** Requests to other servers that one walk makes. */
const MAX_CALLS = 10;

/** How a user stands to rooms. */
export interface Standing {
  readonly joined: ReadonlySet<string>;
  readonly invited: ReadonlyMap<string, UserId>;
  readonly banned: ReadonlySet<string>;
}

/** Who is not signed in. */
export const NOBODY: Standing = { joined: new Set(), invited: new Map(), banned: new Set() };

/**
 * Rooms of a space and of the spaces in it, depth first, as far as the user may see them (Client-Server API,
 * `GET /rooms/{roomId}/hierarchy`). A room stands where it is met first, so circles end.
 *
 * @throws MatrixError M_FORBIDDEN, the same for rooms that do not exist; M_INVALID_PARAM
 */
export async function spaceHierarchy(
  parts: RoomParts,
  remote: RemoteSpaces,
  userId: UserId,
  roomId: string,
  query: HierarchyQuery,
): Promise<JsonObject> {
  const limit = Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
  const maxDepth = Math.min(query.maxDepth ?? MAX_DEPTH, MAX_DEPTH);
  const kind = `${maxDepth}${query.suggestedOnly ? 's' : 'a'}`;
  const skip = query.from === undefined ? 0 : readToken(query.from, kind);
  const rooms: JsonObject[] = [];
  let seen = 0;
  for await (const room of walk(parts, remote, userId, roomId, { maxDepth, suggestedOnly: query.suggestedOnly })) {
    if (rooms.length === limit) return { rooms, next_batch: `h${kind}${skip + limit}` };
    if (seen >= skip) rooms.push(shownSpaceRoom(room, query.suggestedOnly));
    seen += 1;
  }
  if (seen === 0) throw forbidden('You are not allowed to view this room.');
  return { rooms };
}

/** A token holds how many rooms have been shown, and what must not change from page to page. */
function readToken(token: string, kind: string): number {
  const match = /^h(\d{1,2}[as])(\d{1,4})$/.exec(token);
  if (match === null) throw invalidParam('This pagination token is not one of ours.');
  if (match[1] !== kind) throw invalidParam('suggested_only and max_depth cannot change from page to page.');
  return Number(match[2]);
}

async function* walk(
  parts: RoomParts,
  remote: RemoteSpaces,
  userId: UserId,
  rootId: string,
  { maxDepth, suggestedOnly }: { readonly maxDepth: number; readonly suggestedOnly: boolean },
): AsyncGenerator<SpaceRoom> {
  if (!isRoomId(rootId)) return;
  const standing = await standingOf(parts, userId);
  const inviter = standing.invited.get(rootId);
  const root = { roomId: rootId, via: inviter === undefined ? [] : [serverNameOf(inviter)] };
  const waiting = [{ child: root as Pick<SpaceChild, 'roomId' | 'via'>, depth: 0 }];
  const known = await spaceRoomsOf(parts, await residentRooms(parts, [rootId]));
  const budget = { calls: MAX_CALLS };
  const walked = new Set<RoomId>();
  for (let next = waiting.pop(); next !== undefined && walked.size < MAX_WALKED; next = waiting.pop()) {
    const { child, depth } = next;
    if (walked.has(child.roomId)) continue;
    walked.add(child.roomId);
    const room = known.get(child.roomId) ?? (await lookElsewhere(remote, child, known, budget));
    if (room === undefined || !maySee(room, standing)) continue;
    yield room;
    if (depth === maxDepth) continue;
    const children = room.children.filter((one) => one.isSuggested || !suggestedOnly);
    const unknown = children.map((one) => one.roomId).filter((id) => !walked.has(id));
    // What we know ourselves is better than what others say.
    for (const [id, described] of await spaceRoomsOf(parts, await residentRooms(parts, unknown)))
      known.set(id, described);
    for (const one of children.toReversed()) waiting.push({ child: one, depth: depth + 1 });
  }
}

async function lookElsewhere(
  remote: RemoteSpaces,
  child: Pick<SpaceChild, 'roomId' | 'via'>,
  known: Map<RoomId, SpaceRoom>,
  budget: { calls: number },
): Promise<SpaceRoom | undefined> {
  const space = await remote.look(child, budget);
  for (const described of space?.children ?? [])
    if (!known.has(described.roomId)) known.set(described.roomId, described);
  return space?.room;
}

export async function standingOf(parts: RoomParts, userId: UserId): Promise<Standing> {
  const rows = await membershipsOfUser(parts.db, userId);
  const rooms = await parts.rooms.byNid(rows.map((row) => row.roomNid));
  const of = (membership: string) =>
    rows.flatMap((row) => {
      const roomId = row.membership === membership ? rooms.get(row.roomNid)?.roomId : undefined;
      return roomId === undefined ? [] : [[roomId, row.sender] as const];
    });
  return {
    joined: new Set(of('join').map(([roomId]) => roomId)),
    invited: new Map(of('invite')),
    banned: new Set(of('ban').map(([roomId]) => roomId)),
  };
}

/** Whether the user is in the room, or could enter it, knock on it or peek into it. */
export function maySee(room: SpaceRoom, { joined, invited, banned }: Standing): boolean {
  if (banned.has(room.roomId)) return false;
  if (joined.has(room.roomId) || invited.has(room.roomId)) return true;
  if (room.isWorldReadable || OPEN_RULES.has(room.joinRule)) return true;
  return room.allowedRoomIds.some((id) => joined.has(id));
}
