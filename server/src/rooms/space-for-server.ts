import { notFound } from '../protocol/errors.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import { isRoomId } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { roomsOpenToServer, serverIsJoined } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import type { RoomParts } from './room-parts.ts';
import { serverMayTakePart } from './room-policy.ts';
import { residentRooms, type SpaceRoom, shownSpaceRoom, spaceRoomsOf } from './space-rooms.ts';

/** Children that are described in one answer; the others are only named. */
const MAX_DESCRIBED = 50;

/**
 * A space and its children as another server may see them (Server-Server API, `GET /hierarchy/{roomId}`): rooms that its users
 * are in, invited to, or could enter, knock upon or peek into.
 *
 * @throws MatrixError M_NOT_FOUND, the same for rooms that do not exist and for those that are not for that server
 */
export async function spaceForServer(
  parts: RoomParts,
  server: ServerName,
  roomId: string,
  { suggestedOnly }: { readonly suggestedOnly: boolean },
): Promise<JsonObject> {
  const root = isRoomId(roomId) ? (await describedForServer(parts, server, [roomId])).get(roomId) : undefined;
  if (root?.visible === undefined) throw notFound('There is no such room.');
  const wanted = root.visible.children.filter((child) => child.isSuggested || !suggestedOnly);
  const ids = wanted.map((child) => child.roomId).slice(0, MAX_DESCRIBED);
  const children = [...(await describedForServer(parts, server, ids))];
  return {
    room: shownSpaceRoom(root.visible, suggestedOnly),
    children: children.flatMap(([, { visible }]) => (visible === undefined ? [] : [shownSpaceRoom(visible, false)])),
    inaccessible_children: children.flatMap(([id, { visible }]) => (visible === undefined ? [id] : [])),
  };
}

/** Those of the rooms that this server is in, each with what the other server may see of it, if anything, in the order given. */
async function describedForServer(
  parts: RoomParts,
  server: ServerName,
  roomIds: readonly RoomId[],
): Promise<Map<RoomId, { readonly visible: SpaceRoom | undefined }>> {
  const rooms = new Map((await residentRooms(parts, roomIds)).map((room) => [room.roomId, room]));
  const nids = [...rooms.values()].map((room) => room.nid);
  const open = await roomsOpenToServer(parts.db, nids, server);
  const described = await spaceRoomsOf(parts, [...rooms.values()]);
  const found = new Map<RoomId, { visible: SpaceRoom | undefined }>();
  for (const roomId of roomIds) {
    const [room, shown] = [rooms.get(roomId), described.get(roomId)];
    if (room === undefined || shown === undefined) continue;
    const isVisible = await mayServerSee(parts, server, room, shown, open.has(room.nid));
    found.set(roomId, { visible: isVisible ? shown : undefined });
  }
  return found;
}

async function mayServerSee(
  parts: RoomParts,
  server: ServerName,
  room: RoomRow,
  shown: SpaceRoom,
  isIn: boolean,
): Promise<boolean> {
  if (!(await serverMayTakePart(parts, room.roomId, server))) return false;
  if (isIn || shown.isWorldReadable || OPEN_RULES.has(shown.joinRule)) return true;
  for (const allowed of await residentRooms(parts, shown.allowedRoomIds))
    if (await serverIsJoined(parts.db, allowed.nid, server)) return true;
  return false;
}

/** Join rules under which a room may be entered or knocked upon by anybody. */
export const OPEN_RULES: ReadonlySet<string> = new Set(['public', 'knock', 'knock_restricted']);
