import type { RoomSummary } from '../matrix/room-summary.ts';
import type { Session } from '../matrix/session.ts';
import { ViewModel } from './view-model.ts';

export type { RoomSummary };

export type RoomSectionId = 'invites' | 'favourites' | 'channels' | 'direct' | 'lowPriority';

export interface RoomSection {
  id: RoomSectionId;
  rooms: readonly RoomSummary[];
}

export interface RoomListState {
  sections: readonly RoomSection[];
  /** All rooms in the order they are shown, for next and previous. */
  order: readonly string[];
  /** Sums over all rooms, for the title of the page. */
  mentions: number;
  hasUnread: boolean;
}

const sectionOrder: readonly RoomSectionId[] = ['invites', 'favourites', 'channels', 'direct', 'lowPriority'];

/** The rooms of the user in sections, newest activity first. */
export class RoomListViewModel extends ViewModel<RoomListState> {
  constructor(session: Session) {
    super(arrange(session.rooms.getAll().values()));
    this.own(session.rooms.subscribe(() => this.set(arrange(session.rooms.getAll().values()))));
  }
}

/** Sorts summaries into sections. Spaces, left and replaced rooms are not shown; empty sections are left out. */
export function arrange(summaries: Iterable<RoomSummary>): RoomListState {
  const bySection = new Map<RoomSectionId, RoomSummary[]>(sectionOrder.map((id) => [id, []]));
  for (const summary of summaries) {
    const section = sectionOf(summary);
    if (section) bySection.get(section)?.push(summary);
  }
  const sections = [...bySection]
    .map(([id, rooms]) => ({ id, rooms: rooms.sort(byActivity) }))
    .filter((section) => section.rooms.length > 0);
  const rooms = sections.flatMap((section) => section.rooms);
  return {
    sections,
    order: rooms.map((room) => room.roomId),
    mentions: rooms.reduce((sum, room) => sum + countShown(room), 0),
    hasUnread: rooms.some((room) => room.unread.level !== 'none'),
  };
}

/** The number in a room's pill: mentions in channels, every message in direct messages, nothing when muted. */
export function countShown(room: RoomSummary): number {
  return room.kind === 'direct' || room.membership === 'invite' ? room.unread.notifications : room.unread.mentions;
}

function sectionOf(room: RoomSummary): RoomSectionId | undefined {
  if (room.kind === 'space' || room.isReplaced) return undefined;
  if (room.membership === 'invite') return 'invites';
  if (room.membership !== 'join') return undefined;
  if (room.isFavourite) return 'favourites';
  if (room.isLowPriority) return 'lowPriority';
  return room.kind === 'direct' ? 'direct' : 'channels';
}

function byActivity(a: RoomSummary, b: RoomSummary): number {
  return b.lastActivity - a.lastActivity || a.name.localeCompare(b.name) || (a.roomId < b.roomId ? -1 : 1);
}
