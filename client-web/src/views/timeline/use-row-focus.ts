import { type FocusEvent, type KeyboardEvent, type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import type { TimelineItem } from '../../view-models/timeline-items.ts';
import type { ListVirtualizer } from './use-reading-place.ts';

const FOCUSABLE =
  'a[href], button:not([disabled]), input, select, textarea, video[controls], audio[controls], [tabindex="0"]';

export interface RowFocus {
  /** Index of the row that has the focus, kept drawn while it is scrolled away. */
  focusedIndex: number | undefined;
  /** Key of that row if the keyboard brought the focus, so that its actions are to be shown. */
  activeKey: string | undefined;
  listProps: {
    onKeyDownCapture: (event: KeyboardEvent<HTMLElement>) => void;
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
    onFocus: (event: FocusEvent<HTMLElement>) => void;
    onBlur: (event: FocusEvent<HTMLElement>) => void;
  };
  /** For the two empty elements before and after the list, which take the focus that comes in by Tab. */
  onSentinelFocus: () => void;
}

/**
 * One stop for Tab in the whole list: Tab goes to one row, the arrow keys go from row to row, Tab then visits what is
 * in the row and after its last control leaves the list.
 */
export function useRowFocus(
  items: readonly TimelineItem[],
  virtualizer: ListVirtualizer,
  list: RefObject<HTMLElement | null>,
): RowFocus {
  const [focusedKey, setFocusedKey] = useState<string>();
  const [isByKeyboard, setByKeyboard] = useState(false);
  const lastKey = useRef<string>(undefined);
  const isLeaving = useRef(false);
  const wanted = useRef<string>(undefined);

  const rowElement = useCallback(
    (key: string | undefined): HTMLElement | null =>
      key === undefined ? null : (list.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null),
    [list],
  );

  const focusRow = useCallback(
    (index: number): void => {
      const item = items[index];
      if (!item) return;
      virtualizer.scrollToIndex(index, { align: 'auto' });
      const row = rowElement(item.key);
      wanted.current = row ? undefined : item.key;
      if (row) row.focus({ preventScroll: true });
      else setFocusedKey(item.key);
    },
    [items, virtualizer, rowElement],
  );

  // The row was not drawn yet when it was to take the focus.
  useEffect(() => {
    const row = rowElement(wanted.current);
    if (!row) return;
    wanted.current = undefined;
    row.focus({ preventScroll: true });
  });

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[data-key]');
    if (!row || event.defaultPrevented || !list.current?.contains(event.target as Node)) return;
    const index = items.findIndex((item) => item.key === row.dataset.key);
    const target = targetOf(event, row, index, items.length);
    if (target === undefined) return;
    event.preventDefault();
    focusRow(target);
  };

  // Before the controls of the row see it: a toolbar keeps Tab to itself.
  const onKeyDownCapture = (event: KeyboardEvent<HTMLElement>): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[data-key]');
    if (event.key !== 'Tab' || !row || !list.current?.contains(row) || !isAtEdge(row, event)) return;
    event.stopPropagation();
    const sentinels = row.closest('[data-timeline]')?.querySelectorAll<HTMLElement>('[data-sentinel]');
    isLeaving.current = true;
    sentinels?.[event.shiftKey ? 0 : 1]?.focus({ preventScroll: true });
    isLeaving.current = false;
  };

  return {
    focusedIndex: indexOf(items, focusedKey),
    activeKey: isByKeyboard ? focusedKey : undefined,
    listProps: {
      onKeyDownCapture,
      onKeyDown,
      onFocus: (event) => {
        const key = event.target.closest<HTMLElement>('[data-key]')?.dataset.key;
        if (key === undefined) return;
        lastKey.current = key;
        setFocusedKey(key);
        setByKeyboard(event.target.matches(':focus-visible'));
      },
      onBlur: (event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocusedKey(undefined);
      },
    },
    onSentinelFocus: () => {
      if (isLeaving.current) return;
      const index = indexOf(items, lastKey.current) ?? items.findLastIndex((item) => item.kind === 'message');
      focusRow(index);
    },
  };
}

function indexOf(items: readonly TimelineItem[], key: string | undefined): number | undefined {
  const index = key === undefined ? -1 : items.findIndex((item) => item.key === key);
  return index < 0 ? undefined : index;
}

function targetOf(event: KeyboardEvent, row: HTMLElement, index: number, count: number): number | undefined {
  if (event.key === 'Escape' && event.target !== row) return index;
  // In a row's own controls the arrow keys are theirs (toolbar, code that scrolls).
  if (event.target !== row) return undefined;
  switch (event.key) {
    case 'ArrowUp':
      return Math.max(0, index - 1);
    case 'ArrowDown':
      return Math.min(count - 1, index + 1);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return undefined;
  }
}

/**
 * Whether Tab leads out of the list from here: at a row's last control, or with Shift at the row itself. The focus then goes to
 * the sentinel on that side, from which the browser's own Tab goes on. A toolbar is one stop.
 */
function isAtEdge(row: HTMLElement, event: KeyboardEvent): boolean {
  if (event.shiftKey) return event.target === row;
  const controls = [...row.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(
    (element) => element.tabIndex >= 0 && element.getClientRects().length > 0,
  );
  const last = controls.at(-1) ?? row;
  const toolbar = last.closest('[role="toolbar"]');
  return event.target === last || (toolbar?.contains(event.target as Node) ?? false);
}
