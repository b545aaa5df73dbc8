import { invalidParam } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { LogRow } from '../storage/log-follower.ts';
import { type SyncOverview, syncOverview, touchedRooms } from '../storage/sync-overview.ts';
import type { SyncQuery } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';
import type { SyncToken } from './sync-token.ts';
import { typingDiffers } from './wait-for-change.ts';

/** The rooms that a round of `/sync` looks at, and the position of the log up to which it answers. */
export interface RoundRooms extends SyncOverview {
  /** All rooms that the user has joined. */
  readonly joined: ReadonlySet<number>;
}

/**
 * All rooms of the user; or, where memory knows all that has come after `since` and the client can wait for what this process has
 * not seen yet, those of them in which there may be something new.
 */
export async function roundRooms(
  parts: SyncParts,
  userId: UserId,
  query: SyncQuery,
  since: SyncToken | undefined,
): Promise<RoundRooms> {
  const mayBeBehind = query.timeoutMs > 0 && !query.fullState;
  const found = since && mayBeBehind ? await roomsWithNews(parts, userId, since) : undefined;
  return found ?? (await allRooms(parts, userId, query, since));
}

async function roomsWithNews(parts: SyncParts, userId: UserId, since: SyncToken): Promise<RoundRooms | undefined> {
  const { db, follower } = parts.rooms;
  const joined = parts.memory.joined.get(userId, since.position);
  const position = follower.position();
  const news = follower.recent(since.position, position);
  if (joined === undefined || news === undefined) return undefined;
  const isOwnMembership = (row: LogRow) => row.kind === 'event' && row.userId === userId;
  if (news.some(isOwnMembership)) return undefined;
  const touched = new Set(news.flatMap(({ roomNid }) => roomNid ?? []));
  for (const nid of typingDiffers(parts.typing.picture(joined), since.typing)) touched.add(nid);
  // Then it costs less to look at all of them.
  if (touched.size > joined.size) return undefined;
  const rooms = await touchedRooms(db, userId, [...touched], { since: since.position, until: position });
  // Where state resolution has changed who is in a room, or somebody moves at this moment, all rooms are to be read together.
  const isSettled = rooms.every((room) => room.position <= position && joined.has(room.roomNid));
  const isComplete = rooms.length === [...touched].filter((nid) => joined.has(nid)).length;
  return isSettled && isComplete ? { position, rooms, joined } : undefined;
}

async function allRooms(
  parts: SyncParts,
  userId: UserId,
  { filter }: SyncQuery,
  since: SyncToken | undefined,
): Promise<RoundRooms> {
  const leftAfter = since?.position ?? (filter.room.includeLeave ? 0 : Number.MAX_SAFE_INTEGER);
  const overview = await parts.memory.joined.read(
    userId,
    () => syncOverview(parts.rooms.db, userId, { leftAfter, since: since?.position }),
    joinedNids,
  );
  // Positions are handed out after their commit, so a database that does not have it is not the one that made the token.
  if (since !== undefined && overview.position < since.position)
    throw invalidParam('since is from the future of this server. Start again without it.');
  return { ...overview, joined: joinedNids(overview) };
}

function joinedNids({ rooms }: SyncOverview): ReadonlySet<number> {
  return new Set(rooms.flatMap((room) => (room.membership === 'join' ? [room.roomNid] : [])));
}
