import type { RoomSummaries } from '../matrix/room-summaries.ts';
import type { RoomSummary } from '../matrix/room-summary.ts';
import { ViewModel } from './view-model.ts';

export type { RoomSummary };

export type RoomSectionId = 'invites' | 'favourites' | 'channels' | 'direct' | 'lowPriority';

export interface RoomSection {
  id: RoomSectionId;
  rooms: readonly RoomSummary[];
}

export interface SpaceItem {
  roomId: string;
  name: string;
  avatarMxc: string | undefined;
  hasUnread: boolean;
  mentions: number;
}

export interface RoomListState {
  sections: readonly RoomSection[];
  /** All rooms in the order they are shown, for next and previous. */
  order: readonly string[];
  spaces: readonly SpaceItem[];
  /** The space whose rooms are shown; undefined for all rooms. */
  activeSpaceId: string | undefined;
  /** Over all rooms, for the title of the page. */
  mentions: number;
  hasUnread: boolean;
}

const sectionOrder: readonly RoomSectionId[] = ['invites', 'favourites', 'channels', 'direct', 'lowPriority'];

/** The rooms of the user in sections, newest activity first. */
export class RoomListViewModel extends ViewModel<RoomListState> {
  readonly #rooms: RoomSummaries;

  constructor(rooms: RoomSummaries) {
    super(arrange([...rooms.getAll().values()], undefined));
    this.#rooms = rooms;
    this.own(rooms.subscribe(() => this.#update(this.getState().activeSpaceId)));
  }

  /** Shows one space's rooms, or all with undefined. */
  selectSpace(roomId: string | undefined): void {
    this.#update(roomId);
  }

  /** Every room there is a summary of, for the switcher. */
  allRooms(): Iterable<RoomSummary> {
    return this.#rooms.getAll().values();
  }

  #update(spaceId: string | undefined): void {
    this.set(arrange([...this.#rooms.getAll().values()], spaceId));
  }
}

/** Sorts summaries into sections. Left and replaced rooms are not shown; empty sections are left out. */
export function arrange(summaries: readonly RoomSummary[], spaceId: string | undefined): RoomListState {
  const space = summaries.find(
    (room) => room.roomId === spaceId && room.kind === 'space' && room.membership === 'join',
  );
  const inSpace = space && new Set(space.spaceChildIds);
  const bySection = new Map<RoomSectionId, RoomSummary[]>(sectionOrder.map((id) => [id, []]));
  const shown = new Map<string, RoomSummary>();
  for (const summary of summaries) {
    const section = sectionOf(summary);
    if (!section) continue;
    shown.set(summary.roomId, summary);
    if (!inSpace || section === 'invites' || inSpace.has(summary.roomId)) bySection.get(section)?.push(summary);
  }
  const sections = [...bySection]
    .map(([id, rooms]) => ({ id, rooms: rooms.sort(byActivity) }))
    .filter((section) => section.rooms.length > 0);
  const all = [...shown.values()];
  return {
    sections,
    order: sections.flatMap((section) => section.rooms.map((room) => room.roomId)),
    spaces: summaries
      .filter((room) => room.kind === 'space' && room.membership === 'join' && !room.isReplaced)
      .sort((a, b) => a.name.localeCompare(b.name))
      .map((room) => toSpaceItem(room, shown)),
    activeSpaceId: space?.roomId,
    mentions: sumShown(all),
    hasUnread: all.some(hasNews),
  };
}

/** The number in a room's pill: mentions in channels, every message in direct messages, nothing when muted. */
export function countShown(room: RoomSummary): number {
  return room.kind === 'direct' || room.membership === 'invite' ? room.unread.notifications : room.unread.mentions;
}

export function hasNews(room: RoomSummary): boolean {
  return room.unread.level !== 'none';
}

function toSpaceItem(space: RoomSummary, shown: ReadonlyMap<string, RoomSummary>): SpaceItem {
  const children = space.spaceChildIds.flatMap((roomId) => shown.get(roomId) ?? []);
  return {
    roomId: space.roomId,
    name: space.name,
    avatarMxc: space.avatarMxc,
    hasUnread: children.some(hasNews),
    mentions: sumShown(children),
  };
}

function sumShown(rooms: readonly RoomSummary[]): number {
  return rooms.reduce((sum, room) => sum + countShown(room), 0);
}

function sectionOf(room: RoomSummary): RoomSectionId | undefined {
  if (room.isReplaced) return undefined;
  if (room.membership === 'invite') return 'invites';
  if (room.membership !== 'join' || room.kind === 'space') return undefined;
  if (room.isFavourite) return 'favourites';
  if (room.isLowPriority) return 'lowPriority';
  return room.kind === 'direct' ? 'direct' : 'channels';
}

function byActivity(a: RoomSummary, b: RoomSummary): number {
  return b.lastActivity - a.lastActivity || a.name.localeCompare(b.name) || (a.roomId < b.roomId ? -1 : 1);
}
