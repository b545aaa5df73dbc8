import type { Virtualizer } from '@tanstack/react-virtual';
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { TimelineState, TimelineViewModel } from '../../view-models/timeline.ts';

export type ListVirtualizer = Virtualizer<HTMLDivElement, HTMLElement>;

/** How close to the end counts as being there, in pixels. */
export const END_THRESHOLD = 48;
/** Pages are fetched this far before they are needed, in heights of the window. */
const PREFETCH_SCREENS = 2;

export interface ReadingPlace {
  isAtEnd: boolean;
  /** The "New" line is above what can be seen. */
  isNewAbove: boolean;
}

/**
 * Keeps the reader's place: opens at the end or at the asked event, stays at the end when the window changes its size,
 * fetches pages before they are needed, and tells the view model what is in sight.
 */
export function useReadingPlace(
  virtualizer: ListVirtualizer,
  scroller: RefObject<HTMLDivElement | null>,
  timeline: TimelineViewModel,
  state: TimelineState,
): ReadingPlace {
  const [place, setPlace] = useState<ReadingPlace>({ isAtEnd: true, isNewAbove: false });
  const wasAtEnd = useRef(true);
  const lastTop = useRef(0);
  const { items, isComplete, isAtLiveEnd, isLoadingOlder, isLoadingNewer, hasPagingFailed } = state;

  const update = useCallback((): void => {
    const element = scroller.current;
    if (!element) return;
    const { scrollTop, clientHeight, scrollHeight } = element;
    // Rows that turn out larger than guessed move the end away; only moving up is leaving it.
    const hasMovedUp = scrollTop < lastTop.current - 1;
    lastTop.current = scrollTop;
    const isThere = virtualizer.isAtEnd(END_THRESHOLD);
    const isAtEnd = isThere || (wasAtEnd.current && !hasMovedUp);
    wasAtEnd.current = isAtEnd;
    if (isAtEnd && !isThere) virtualizer.scrollToEnd();
    timeline.setPosition(isAtEnd, document.visibilityState === 'visible' && document.hasFocus());
    const newLine = timeline.getState().items.findIndex((item) => item.kind === 'new');
    const newStart = newLine < 0 ? undefined : virtualizer.measurementsCache[newLine]?.start;
    const isNewAbove = newStart !== undefined && newStart < scrollTop;
    setPlace((now) => (now.isAtEnd === isAtEnd && now.isNewAbove === isNewAbove ? now : { isAtEnd, isNewAbove }));
    if (hasPagingFailed) return;
    const margin = clientHeight * PREFETCH_SCREENS;
    if (scrollTop < margin) void timeline.loadOlder();
    if (scrollHeight - scrollTop - clientHeight < margin) void timeline.loadNewer();
  }, [virtualizer, scroller, timeline, hasPagingFailed]);

  useOpening(virtualizer, state, wasAtEnd);
  useFollowing(virtualizer, state, wasAtEnd);

  // After each change of the rows or of what is loading: there may be room for another page.
  // biome-ignore lint/correctness/useExhaustiveDependencies: these are what the place depends on
  useEffect(update, [update, items, isComplete, isAtLiveEnd, isLoadingOlder, isLoadingNewer]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let height = element.clientHeight;
    const observer = new ResizeObserver(() => {
      // The first call only reports the size that is known.
      if (element.clientHeight === height) return;
      height = element.clientHeight;
      if (wasAtEnd.current) virtualizer.scrollToEnd();
    });
    observer.observe(element);
    element.addEventListener('scroll', update, { passive: true });
    for (const name of ['focus', 'blur'] as const) window.addEventListener(name, update);
    document.addEventListener('visibilitychange', update);
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', update);
      for (const name of ['focus', 'blur'] as const) window.removeEventListener(name, update);
      document.removeEventListener('visibilitychange', update);
    };
  }, [virtualizer, scroller, update]);

  return place;
}

/**
 * Stays at the end when rows come there live, or above while the rows do not yet fill the window. Pages of newer
 * messages are not followed.
 */
function useFollowing(virtualizer: ListVirtualizer, state: TimelineState, wasAtEnd: RefObject<boolean>): void {
  const { items, isAtLiveEnd } = state;
  const before = useRef({ items, isAtLiveEnd });
  useLayoutEffect(() => {
    const isLive = before.current.isAtLiveEnd && isAtLiveEnd;
    if (before.current.items !== items) {
      if (!isLive) wasAtEnd.current = false;
      else if (wasAtEnd.current) virtualizer.scrollToEnd();
    }
    before.current = { items, isAtLiveEnd };
  }, [virtualizer, items, isAtLiveEnd, wasAtEnd]);
}

/** Goes to the end at first, and to what the view model asks for afterwards. */
function useOpening(virtualizer: ListVirtualizer, state: TimelineState, wasAtEnd: RefObject<boolean>): void {
  const { focus, endRequest, items } = state;
  const done = useRef({ isOpen: false, focus: 0, end: 0 });
  useLayoutEffect(() => {
    const now = done.current;
    if (focus && focus.request !== now.focus) {
      const index = items.findIndex((item) => item.key === focus.key);
      if (index < 0) return;
      now.focus = focus.request;
      wasAtEnd.current = false;
      virtualizer.scrollToIndex(index, { align: 'center' });
    } else if (!now.isOpen || endRequest !== now.end) {
      wasAtEnd.current = true;
      virtualizer.scrollToEnd();
    }
    now.isOpen = true;
    now.end = endRequest;
  }, [virtualizer, focus, endRequest, items, wasAtEnd]);
}
