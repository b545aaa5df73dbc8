import { defaultRangeExtractor, useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { type FocusEvent, type KeyboardEvent, type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { hasNews, type RoomSection, type RoomSummary } from '../../view-models/room-list.ts';

/** Pixels from one row to the next, and of a section's heading; as in RoomRow.module.css and RoomSectionView.module.css. */
const heights = { desktop: { row: 31, heading: 36 }, phone: { row: 45, heading: 36 } } as const;

export interface RoomRowPlace {
  room: RoomSummary;
  /** Counted in the section, from 0. */
  index: number;
  /** Pixels from the top of the section's rows. */
  top: number;
}

export interface ShownSection {
  section: RoomSection;
  isCollapsed: boolean;
  /** Rows that are there to be seen; only those near the window are in `rows`. */
  rowCount: number;
  /** Of all rows together, in pixels. */
  height: number;
  rows: readonly RoomRowPlace[];
}

interface Item {
  key: string;
  section: number;
  /** Undefined for the heading. */
  room: RoomSummary | undefined;
  index: number;
}

/**
 * Which rows of the list exist: those near the window, the one that has the focus and the one that Tab leads to. There may be
 * thousands of rooms, and all rows are equally high.
 */
export function useRoomRows(
  scroller: RefObject<HTMLElement | null>,
  options: {
    sections: readonly RoomSection[];
    collapsed: readonly string[];
    activeRoomId: string | undefined;
    tabStop: string | undefined;
    isPhone: boolean;
  },
) {
  const { sections, collapsed, activeRoomId, tabStop, isPhone } = options;
  const { row, heading } = heights[isPhone ? 'phone' : 'desktop'];
  const shown = useMemo(
    () => sections.map((section) => shownRooms(section, collapsed.includes(section.id), activeRoomId)),
    [sections, collapsed, activeRoomId],
  );
  const items = useMemo(() => shown.flatMap(toItems), [shown]);
  const indexOf = useMemo(() => new Map(items.map(({ key }, index) => [key, index])), [items]);
  const [focused, setFocused] = useState<string>();
  const kept = [tabStop, focused].flatMap((key) => (key === undefined ? [] : (indexOf.get(key) ?? [])));
  const virtualizer = useVirtualizer<HTMLElement, HTMLElement>({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (items[index]?.room ? row : heading),
    getItemKey: (index) => items[index]?.key ?? index,
    rangeExtractor: (range) => [...new Set([...defaultRangeExtractor(range), ...kept])].sort((a, b) => a - b),
    initialRect: { width: 280, height: window.innerHeight },
    overscan: 10,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: all rows are measured anew when their height is another
  useEffect(() => virtualizer.measure(), [virtualizer, row]);
  useActiveInView(virtualizer, activeRoomId, activeRoomId === undefined ? undefined : indexOf.get(activeRoomId));
  const order = useMemo(() => items.flatMap(({ room }) => room?.roomId ?? []), [items]);
  const listProps = useArrowKeys(scroller, order, focused, setFocused);
  const drawn = virtualizer.getVirtualItems().flatMap(({ index }) => items[index] ?? []);
  const places: ShownSection[] = shown.map(({ section, isCollapsed, rooms }, number) => ({
    section,
    isCollapsed,
    rowCount: rooms.length,
    height: rooms.length * row,
    rows: drawn.flatMap(({ section: of, room, index }) =>
      of === number && room ? { room, index, top: index * row } : [],
    ),
  }));
  return { places, listProps };
}

/** Collapsed, a section still shows where one is and what is unread. */
function shownRooms(section: RoomSection, isCollapsed: boolean, activeRoomId: string | undefined) {
  const rooms = isCollapsed
    ? section.rooms.filter((room) => room.roomId === activeRoomId || hasNews(room))
    : section.rooms;
  return { section, isCollapsed, rooms };
}

function toItems({ section, rooms }: { section: RoomSection; rooms: readonly RoomSummary[] }, number: number): Item[] {
  const heading: Item = { key: section.id, section: number, room: undefined, index: -1 };
  return [heading, ...rooms.map((room, index): Item => ({ key: room.roomId, section: number, room, index }))];
}

/** Follows the room that keys have led to. Where one starts, the list stays at its top. */
function useActiveInView(
  virtualizer: Virtualizer<HTMLElement, HTMLElement>,
  activeRoomId: string | undefined,
  index: number | undefined,
): void {
  const last = useRef(activeRoomId);
  useEffect(() => {
    if (last.current === activeRoomId) return;
    last.current = activeRoomId;
    if (index !== undefined) virtualizer.scrollToIndex(index, { align: 'auto' });
  }, [virtualizer, activeRoomId, index]);
}

/** Up and down go from room to room, over the section headings; to rows that do not exist yet, too. */
function useArrowKeys(
  scroller: RefObject<HTMLElement | null>,
  order: readonly string[],
  focused: string | undefined,
  setFocused: (roomId: string | undefined) => void,
) {
  const isMoving = useRef(false);
  useEffect(() => {
    if (!isMoving.current || focused === undefined) return;
    isMoving.current = false;
    scroller.current?.querySelector<HTMLElement>(`a[data-room="${CSS.escape(focused)}"]`)?.focus();
  }, [scroller, focused]);
  return {
    onFocus: (event: FocusEvent<HTMLElement>) => setFocused(event.target.dataset.room),
    onBlur: () => !isMoving.current && setFocused(undefined),
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      const from = order.indexOf((event.target as HTMLElement).dataset.room ?? '');
      if (from < 0 || event.altKey) return;
      const last = order.length - 1;
      const targets: Record<string, number> = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: last };
      const to = targets[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const target = order[to];
      if (target === undefined) return;
      isMoving.current = true;
      setFocused(target);
    },
  };
}
