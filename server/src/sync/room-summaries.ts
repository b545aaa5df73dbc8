import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { plainStateOf } from '../rooms/directory.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { heroes, memberCounts } from '../storage/memberships.ts';

/** `summary` of rooms: member counts, and whom a room without a name may be called by. */
export async function roomSummaries(
  parts: RoomParts,
  userId: UserId,
  roomNids: readonly number[],
): Promise<Map<number, JsonObject>> {
  if (roomNids.length === 0) return new Map();
  const [counts, names] = await Promise.all([
    memberCounts(parts.db, roomNids),
    plainStateOf(parts, roomNids, ['m.room.name', 'm.room.canonical_alias']),
  ]);
  const named = (nid: number) => {
    const state = names.get(nid);
    const name = state?.get('m.room.name')?.pdu.content.name;
    const alias = state?.get('m.room.canonical_alias')?.pdu.content.alias;
    return [name, alias].some((text) => typeof text === 'string' && text !== '');
  };
  const people = await heroes(
    parts.db,
    roomNids.filter((nid) => !named(nid)),
    userId,
  );
  const summaries = new Map<number, JsonObject>();
  for (const nid of roomNids) {
    const count = counts.get(nid);
    summaries.set(nid, {
      'm.joined_member_count': count?.joined ?? 0,
      'm.invited_member_count': count?.invited ?? 0,
      ...(named(nid)
        ? {}
        : { 'm.heroes': people.filter((person) => person.roomNid === nid).map((person) => person.userId) }),
    });
  }
  return summaries;
}
