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
      wanted.current = item.key;
      setFocusedKey(item.key);
      virtualizer.scrollToIndex(index, { align: 'auto' });
    },
    [items, virtualizer],
  );

  // The row may only now have been drawn.
  useEffect(() => {
    const row = rowElement(wanted.current);
    if (!row) return;
    wanted.current = undefined;
    row.focus({ preventScroll: true });
  });

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[data-key]');
    if (!row || event.defaultPrevented || !list.current?.contains(event.target as Node)) return;
    if (event.key === 'Tab') {
      isLeaving.current = leaveAtEdge(row, event);
      return;
    }
    const index = items.findIndex((item) => item.key === row.dataset.key);
    const target = targetOf(event, row, index, items.length);
    if (target === undefined) return;
    event.preventDefault();
    focusRow(target);
  };

  return {
    focusedIndex: indexOf(items, focusedKey),
    activeKey: isByKeyboard ? focusedKey : undefined,
    listProps: {
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
      if (isLeaving.current) {
        isLeaving.current = false;
        return;
      }
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
 * At a row's last control (or with Shift at the row itself) hands the focus to the sentinel on that side, from which
 * the browser's own Tab then goes on.
 */
function leaveAtEdge(row: HTMLElement, event: KeyboardEvent): boolean {
  const controls = [...row.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(
    (element) => element.tabIndex >= 0 && element.getClientRects().length > 0,
  );
  const isAtEdge = event.shiftKey ? event.target === row : event.target === (controls.at(-1) ?? row);
  if (!isAtEdge) return false;
  const sentinels = row.closest('[data-timeline]')?.querySelectorAll<HTMLElement>('[data-sentinel]');
  (event.shiftKey ? sentinels?.[0] : sentinels?.[1])?.focus({ preventScroll: true });
  return true;
}
