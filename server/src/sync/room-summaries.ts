import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { plainStateOf } from '../rooms/directory.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { heroes, memberCounts } from '../storage/memberships.ts';

export interface RoomSummary {
  /** `summary` as it is shown. */
  readonly shown: JsonObject;
  /** Whom a room without a name may be called by. */
  readonly heroes: readonly UserId[];
}

/** `summary` of rooms: member counts, and whom a room without a name may be called by. */
export async function roomSummaries(
  parts: RoomParts,
  userId: UserId,
  roomNids: readonly number[],
): Promise<Map<number, RoomSummary>> {
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
  const nameless = roomNids.filter((nid) => !named(nid));
  const people = Map.groupBy(await heroes(parts.db, nameless, userId), (person) => person.roomNid);
  const summaries = new Map<number, RoomSummary>();
  for (const nid of roomNids) {
    const count = counts.get(nid);
    const callable = (people.get(nid) ?? []).map((person) => person.userId);
    const shown: JsonObject = {
      'm.joined_member_count': count?.joined ?? 0,
      'm.invited_member_count': count?.invited ?? 0,
    };
    if (!named(nid)) shown['m.heroes'] = callable;
    summaries.set(nid, { shown, heroes: callable });
  }
  return summaries;
}
