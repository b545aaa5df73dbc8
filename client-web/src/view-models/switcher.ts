import type { RoomSummary } from '../matrix/room-summary.ts';

export interface SwitcherItem {
  room: RoomSummary;
  /** Higher is better. */
  score: number;
}

const limit = 12;

/** The rooms that fit what was typed, best first; without text those with news, then the last used. */
export function findRooms(
  rooms: Iterable<RoomSummary>,
  text: string,
  currentRoomId: string | undefined,
): RoomSummary[] {
  const words = normalise(text).split(/\s+/).filter(Boolean);
  const items: SwitcherItem[] = [];
  for (const room of rooms) {
    if (room.kind === 'space' || room.isReplaced || (room.membership !== 'join' && room.membership !== 'invite'))
      continue;
    const score = words.length === 0 ? scoreByNews(room, currentRoomId) : scoreByText(room, words);
    if (score > 0) items.push({ room, score });
  }
  return items
    .sort(
      (a, b) =>
        b.score - a.score || b.room.lastActivity - a.room.lastActivity || a.room.name.localeCompare(b.room.name),
    )
    .slice(0, limit)
    .map((item) => item.room);
}

function scoreByNews(room: RoomSummary, currentRoomId: string | undefined): number {
  if (room.roomId === currentRoomId) return 0;
  const byLevel = { mention: 4, notification: 3, activity: 2, none: 1 } as const;
  return byLevel[room.unread.level];
}

/** Every word must begin a word of the name, or else be somewhere in it or in the address. */
function scoreByText(room: RoomSummary, words: readonly string[]): number {
  const name = normalise(room.name);
  const rest = normalise(`${room.canonicalAlias ?? ''} ${room.directUserId ?? ''}`);
  let score = 0;
  for (const word of words) {
    if (name.startsWith(word)) score += 8;
    else if (new RegExp(`[\\s._-]${escapeForRegExp(word)}`).test(name)) score += 5;
    else if (name.includes(word)) score += 2;
    else if (rest.includes(word)) score += 1;
    else return 0;
  }
  return score + (room.unread.level === 'none' ? 0 : 1) + (room.isFavourite ? 1 : 0);
}

function normalise(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLocaleLowerCase()
    .trim();
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
