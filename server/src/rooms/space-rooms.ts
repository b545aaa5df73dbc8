import type { RoomId, ServerName, UserId } from '../protocol/event.ts';
import { isRoomId, isServerName, isUserId } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { currentStateOfType } from '../storage/current-state.ts';
import { eventsByNid } from '../storage/events.ts';
import { joinedCounts, roomsOfServer } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { plainStateOf, roomSummaries } from './directory.ts';
import type { RoomParts } from './room-parts.ts';

/** A room as somebody sees it who looks for rooms to enter (Client-Server API, "Discovering rooms within spaces"). */
export interface SpaceRoom {
  readonly roomId: RoomId;
  /** What is shown of it, `children_state` excepted. */
  readonly summary: JsonObject;
  readonly joinRule: string;
  readonly isWorldReadable: boolean;
  /** Rooms whose members may join, where the join rule is about such. */
  readonly allowedRoomIds: readonly RoomId[];
  /** Of a space: its children in their order. */
  readonly children: readonly SpaceChild[];
}

/** A valid `m.space.child`. */
export interface SpaceChild {
  readonly roomId: RoomId;
  readonly via: readonly ServerName[];
  readonly order: string | undefined;
  readonly isSuggested: boolean;
  readonly sender: UserId;
  /** Milliseconds since 1970. */
  readonly originServerTs: number;
}

/** Children of one room that count; a room may have as many state events as it likes. */
export const MAX_CHILDREN = 500;
const MAX_VIA = 10;
const MAX_ALLOWED = 100;
const ORDER = /^[\x20-\x7e]{1,50}$/;

/** The room in the form for clients and servers. */
export function shownSpaceRoom({ summary, children }: SpaceRoom, suggestedOnly: boolean): JsonObject {
  const shown = children.filter((child) => child.isSuggested || !suggestedOnly);
  return {
    ...summary,
    children_state: shown.map(({ roomId, via, order, isSuggested, sender, originServerTs }) => ({
      type: 'm.space.child',
      state_key: roomId,
      sender,
      origin_server_ts: originServerTs,
      content: {
        via: [...via],
        ...(order === undefined ? {} : { order }),
        ...(isSuggested ? { suggested: true } : {}),
      },
    })),
  };
}

/** Reads an `m.space.child` of ours or of another server; undefined when it is not valid, or has been taken away. */
export function readSpaceChild(event: JsonObject): SpaceChild | undefined {
  const { state_key: roomId, sender, origin_server_ts: originServerTs, content } = event;
  if (event.type !== 'm.space.child' || !isRoomId(roomId) || !isUserId(sender) || !isJsonObject(content))
    return undefined;
  if (typeof originServerTs !== 'number' || !Number.isSafeInteger(originServerTs)) return undefined;
  const via = Array.isArray(content.via) ? content.via.filter(isServerName).slice(0, MAX_VIA) : [];
  if (via.length === 0) return undefined;
  const order = typeof content.order === 'string' && ORDER.test(content.order) ? content.order : undefined;
  return { roomId, via, order, isSuggested: content.suggested === true, sender, originServerTs };
}

/** "Ordering of children within a space". */
export function sortedChildren(children: readonly SpaceChild[]): SpaceChild[] {
  const compare = (one: string | number, other: string | number) => (one < other ? -1 : one > other ? 1 : 0);
  return children.toSorted(
    (one, other) =>
      compare(one.order === undefined ? 1 : 0, other.order === undefined ? 1 : 0) ||
      compare(one.order ?? '', other.order ?? '') ||
      compare(one.originServerTs, other.originServerTs) ||
      compare(one.roomId, other.roomId),
  );
}

/** Ids of the rooms whose members may join, as far as the content of `m.room.join_rules` names any. */
export function allowedRooms(joinRules: JsonObject | undefined): RoomId[] {
  const rule = joinRules?.join_rule;
  if ((rule !== 'restricted' && rule !== 'knock_restricted') || !Array.isArray(joinRules?.allow)) return [];
  return joinRules.allow
    .slice(0, MAX_ALLOWED)
    .flatMap((condition) =>
      isJsonObject(condition) && condition.type === 'm.room_membership' && isRoomId(condition.room_id)
        ? [condition.room_id]
        : [],
    );
}

/** Those of the rooms that this server is in: of others it does not know what they are now. */
export async function residentRooms(parts: RoomParts, roomIds: readonly RoomId[]): Promise<RoomRow[]> {
  return await roomsOfServer(parts.db, roomIds, parts.serverName);
}

const ENCRYPTION = 'm.megolm.v1.aes-sha2';

/** What there is to see of rooms that this server is in, by room. Who may see it is for the caller to decide. */
export async function spaceRoomsOf(parts: RoomParts, rooms: readonly RoomRow[]): Promise<Map<RoomId, SpaceRoom>> {
  const nids = rooms.map((room) => room.nid);
  const counts = await joinedCounts(parts.db, nids);
  const summaries = await roomSummaries(
    parts,
    rooms.map(({ nid, roomId }) => ({ nid, roomId, joinedMembers: counts.get(nid) ?? 0 })),
  );
  const state = await plainStateOf(parts, nids, ['m.room.create', 'm.room.join_rules', 'm.room.encryption']);
  const content = (nid: number, type: string) => state.get(nid)?.get(type)?.pdu.content;
  const spaces = nids.filter((nid) => content(nid, 'm.room.create')?.type === 'm.space');
  const children = await childrenOf(parts, spaces);
  return new Map(
    rooms.map(({ nid, roomId, version }, index) => {
      const summary = summaries[index] ?? {};
      const allowedRoomIds = allowedRooms(content(nid, 'm.room.join_rules'));
      const isEncrypted = content(nid, 'm.room.encryption')?.algorithm === ENCRYPTION;
      const whole: JsonObject = {
        ...summary,
        room_version: version,
        ...(allowedRoomIds.length === 0 ? {} : { allowed_room_ids: allowedRoomIds }),
        ...(isEncrypted ? { encryption: ENCRYPTION } : {}),
      };
      return [
        roomId,
        {
          roomId,
          summary: whole,
          joinRule: String(summary.join_rule),
          isWorldReadable: summary.world_readable === true,
          allowedRoomIds,
          children: sortedChildren(children.get(nid) ?? []),
        },
      ];
    }),
  );
}

async function childrenOf(parts: RoomParts, spaceNids: readonly number[]): Promise<Map<number, SpaceChild[]>> {
  const found = new Map<number, SpaceChild[]>();
  const nids = await currentStateOfType(parts.db, spaceNids, 'm.space.child', MAX_CHILDREN);
  for (const event of await eventsByNid(parts.db, nids)) {
    const child = event.redactedBy === null ? readSpaceChild(event.pdu) : undefined;
    if (child !== undefined) found.set(event.roomNid, [...(found.get(event.roomNid) ?? []), child]);
  }
  return found;
}
