import type { OwnProfile } from '../matrix/account.ts';
import type { RoomSummary } from '../matrix/room-summary.ts';
import type { KeyValueStore } from '../platform/key-value-store.ts';

/** What is kept of a visit so that the next one begins with a list instead of waiting. */
export interface LastVisit {
  profile: OwnProfile;
  rooms: Iterable<RoomSummary>;
}

const key = 'last-visit';
/** Goes up whenever a summary gets another shape: what was kept in the old one is not read then. */
const version = 1;
/** About 600 bytes each; browsers keep five megabytes for all that we put there. */
const maxRooms = 1500;
const maxText = 160;

/** The rooms the user was in when the page was last left, or undefined if that was somebody else or nothing is kept. */
export function readLastVisit(store: KeyValueStore, userId: string): LastVisit | undefined {
  const stored = store.get(key);
  if (typeof stored !== 'object' || stored === null) return undefined;
  const { version: found, profile, rooms } = stored as { version?: unknown; profile?: OwnProfile; rooms?: unknown };
  if (found !== version || profile?.userId !== userId || !Array.isArray(rooms)) return undefined;
  return { profile, rooms: rooms as RoomSummary[] };
}

/** Keeps the rooms that lists show; where there are very many, those with the latest messages. */
export function writeLastVisit(store: KeyValueStore, { profile, rooms }: LastVisit): void {
  const kept = [...rooms]
    .filter(({ membership }) => membership === 'join' || membership === 'invite')
    .sort((a, b) => b.lastActivity - a.lastActivity)
    .slice(0, maxRooms)
    .map(shorten);
  store.set(key, { version, profile, rooms: kept });
}

export function forgetLastVisit(store: KeyValueStore): void {
  store.remove(key);
}

/** Messages may be long, and lists show their beginning only. */
function shorten(room: RoomSummary): RoomSummary {
  const { lastMessage, topic } = room;
  return {
    ...room,
    topic: topic?.slice(0, maxText),
    lastMessage: lastMessage && { ...lastMessage, text: lastMessage.text?.slice(0, maxText) },
  };
}
