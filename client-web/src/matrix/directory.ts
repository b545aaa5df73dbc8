import { parseMxc } from './media.ts';
import type { Session } from './session.ts';

export interface PublicRoom {
  roomId: string;
  name: string;
  topic: string | undefined;
  alias: string | undefined;
  avatarMxc: string | undefined;
  memberCount: number;
}

export interface PublicRoomsPage {
  rooms: PublicRoom[];
  /** For the next page; undefined on the last. */
  next: string | undefined;
  /** The server's guess of how many there are. */
  estimate: number | undefined;
}

/** Searches the public rooms of our server or of another one. */
export async function searchPublicRooms(
  session: Session,
  query: { term: string; server: string | undefined; since?: string | undefined },
): Promise<PublicRoomsPage> {
  const response = await session.client.publicRooms({
    limit: 30,
    ...(query.server ? { server: query.server } : {}),
    ...(query.since ? { since: query.since } : {}),
    ...(query.term ? { filter: { generic_search_term: query.term } } : {}),
  });
  return {
    rooms: response.chunk
      // Spaces are not places to talk in.
      .filter((room) => room.room_type !== 'm.space')
      .map((room) => ({
        roomId: room.room_id,
        name: room.name || room.canonical_alias || room.room_id,
        topic: room.topic || undefined,
        alias: room.canonical_alias,
        avatarMxc: parseMxc(room.avatar_url) ? room.avatar_url : undefined,
        memberCount: room.num_joined_members,
      })),
    next: response.next_batch,
    estimate: response.total_room_count_estimate,
  };
}

export interface FoundUser {
  userId: string;
  name: string;
  avatarMxc: string | undefined;
}

/** Searches the people that our server knows and lets us see. */
export async function searchUsers(session: Session, term: string): Promise<FoundUser[]> {
  const response = await session.client.searchUserDirectory({ term, limit: 20 });
  return response.results.map((user) => ({
    userId: user.user_id,
    name: user.display_name || user.user_id,
    avatarMxc: parseMxc(user.avatar_url) ? user.avatar_url : undefined,
  }));
}

/** How many people from shared rooms are looked at. */
const knownUsersLimit = 2000;

/**
 * The people that share a room with us, as far as sync has told of them; those we write to directly come first,
 * then those of the rooms with the latest messages.
 */
export function readKnownUsers(session: Session): FoundUser[] {
  const users = new Map<string, FoundUser>();
  const rooms = [...session.rooms.getAll().values()]
    .filter((summary) => summary.membership === 'join')
    .sort((a, b) => Number(b.kind === 'direct') - Number(a.kind === 'direct') || b.lastActivity - a.lastActivity);
  for (const { roomId } of rooms) {
    for (const member of session.client.getRoom(roomId)?.getJoinedMembers() ?? []) {
      if (users.size >= knownUsersLimit) return [...users.values()];
      if (member.userId === session.userId || users.has(member.userId)) continue;
      users.set(member.userId, {
        userId: member.userId,
        name: member.rawDisplayName || member.userId,
        avatarMxc: member.getMxcAvatarUrl(),
      });
    }
  }
  return [...users.values()];
}

/** Asks a user's server for their profile. Throws if there is no such user. */
export async function fetchUser(session: Session, userId: string): Promise<FoundUser> {
  const profile = await session.client.getProfileInfo(userId);
  return {
    userId,
    name: profile.displayname || userId,
    avatarMxc: parseMxc(profile.avatar_url) ? profile.avatar_url : undefined,
  };
}

/** The room that an alias points at, and servers that know it. Throws if there is none. */
export async function resolveAlias(session: Session, alias: string): Promise<{ roomId: string; via: string[] }> {
  const response = await session.client.getRoomIdForAlias(alias);
  return { roomId: response.room_id, via: response.servers.slice(0, 5) };
}

export interface RoomPreview {
  roomId: string;
  name: string | undefined;
  topic: string | undefined;
  avatarMxc: string | undefined;
  memberCount: number | undefined;
}

/** What a room we are not in lets be known about it; undefined if it or its server tells nothing. */
export async function fetchRoomPreview(
  session: Session,
  roomIdOrAlias: string,
  via: readonly string[],
): Promise<RoomPreview | undefined> {
  try {
    const summary = await session.client.getRoomSummary(roomIdOrAlias, [...via]);
    return {
      roomId: summary.room_id,
      name: summary.name || summary.canonical_alias,
      topic: summary.topic || undefined,
      avatarMxc: parseMxc(summary.avatar_url) ? summary.avatar_url : undefined,
      memberCount: summary.num_joined_members,
    };
  } catch {
    // One can still try to join a room that does not describe itself.
    return undefined;
  }
}
