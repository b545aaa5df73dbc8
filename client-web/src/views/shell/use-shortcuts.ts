import { useParams } from '@tanstack/react-router';
import { useEffect } from 'react';
import { hasNews, type RoomListState } from '../../view-models/room-list.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useNavigation } from '../navigation.ts';
import { useFrame } from '../session-context.tsx';
import { matchShortcut } from './shortcuts.ts';

/** Listens to the keys that work everywhere. */
export function useShortcuts(): void {
  const { roomList } = useFrame();
  const { open, isOpen } = useDialogs();
  const { openRoom } = useNavigation();
  const { roomId } = useParams({ strict: false });
  useEffect(() => {
    const openNeighbour = (direction: 1 | -1, unreadOnly: boolean) => {
      const target = neighbourOf(roomList.getState(), roomId, direction, unreadOnly);
      if (target) openRoom(target);
    };
    const onKeyDown = (event: KeyboardEvent) => {
      const id = matchShortcut(event);
      if (!id || event.defaultPrevented) return;
      // A dialog keeps the keyboard to itself.
      if (isOpen) return;
      event.preventDefault();
      if (id === 'switcher') open({ name: 'switcher' });
      else if (id === 'help') open({ name: 'shortcuts' });
      else if (id === 'nextRegion' || id === 'previousRegion') focusRegion(id === 'nextRegion' ? 1 : -1);
      else openNeighbour(id.startsWith('next') ? 1 : -1, id.endsWith('Unread'));
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [roomList, roomId, open, isOpen, openRoom]);
}

/** The room after or before one in the list, going round at the ends. */
export function neighbourOf(list: RoomListState, roomId: string | undefined, direction: 1 | -1, unreadOnly: boolean) {
  const unread = new Set(list.sections.flatMap((section) => section.rooms.filter(hasNews).map((room) => room.roomId)));
  const { order } = list;
  const start = roomId ? order.indexOf(roomId) : direction === 1 ? -1 : 0;
  for (let distance = 1; distance <= order.length; distance++) {
    const candidate = order[(start + direction * distance + order.length * 2) % order.length];
    if (candidate !== undefined && candidate !== roomId && (!unreadOnly || unread.has(candidate))) return candidate;
  }
  return undefined;
}

/** Moves the focus to the next region of the page: rail, list, main, panel. Each comes back to where it was left. */
function focusRegion(direction: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region]')].filter(
    (region) => region.offsetWidth > 0,
  );
  if (regions.length === 0) return;
  const current = regions.findLastIndex((region) => region.contains(document.activeElement));
  const next = regions[(current + direction + regions.length) % regions.length];
  if (!next) return;
  const target =
    findInSight(next, '[data-region-focus], [aria-current="page"]') ??
    findInSight(next, 'a[href], button:not([disabled]), input, [contenteditable="true"], [tabindex="0"]');
  // A room that is still on its way has nothing for the keyboard.
  if (!target) next.tabIndex = -1;
  (target ?? next).focus();
}

/** The first element that can take the focus: what the width of the window leaves out cannot. */
const findInSight = (region: HTMLElement, selector: string): HTMLElement | undefined =>
  [...region.querySelectorAll<HTMLElement>(selector)].find((element) => element.checkVisibility());
