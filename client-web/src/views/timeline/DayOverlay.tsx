import { type RefObject, useEffect, useRef, useState } from 'react';
import type { TimelineItem } from '../../view-models/timeline-items.ts';
import { useTimeFormats } from './format-time.ts';
import styles from './Separators.module.css';
import type { ListVirtualizer } from './use-reading-place.ts';

const HEIGHT = 40;

export interface DayOverlayProps {
  items: readonly TimelineItem[];
  virtualizer: ListVirtualizer;
  scroller: RefObject<HTMLElement | null>;
}

const timestampOf = (item: TimelineItem | undefined): number | undefined => {
  if (!item || item.kind === 'new') return undefined;
  return item.kind === 'message' ? item.event.timestamp : item.timestamp;
};

/** The day of the first row in sight, stuck to the top; the next day's line pushes it away. */
export function DayOverlay({ items, virtualizer, scroller }: DayOverlayProps) {
  const formats = useTimeFormats();
  const element = useRef<HTMLDivElement>(null);
  const [timestamp, setTimestamp] = useState<number>();

  useEffect(() => {
    const update = (): void => {
      const offset = scroller.current?.scrollTop ?? 0;
      const top = virtualizer.getVirtualItemForOffset(offset);
      const own = element.current;
      if (!top || !own) return;
      const current = items.slice(0, top.index + 1).findLast((item) => item.kind === 'day');
      const isBeforeFirst = offset < (virtualizer.measurementsCache[0]?.start ?? 0);
      setTimestamp(isBeforeFirst ? undefined : timestampOf(current ?? items.slice(top.index).find(timestampOf)));
      const next = items.findIndex((item, index) => index > top.index && item.kind === 'day');
      const distance = next < 0 ? HEIGHT : (virtualizer.measurementsCache[next]?.start ?? offset + HEIGHT) - offset;
      own.style.transform = `translateY(${Math.min(0, distance - HEIGHT)}px)`;
    };
    const target = scroller.current;
    update();
    target?.addEventListener('scroll', update, { passive: true });
    return () => target?.removeEventListener('scroll', update);
  }, [items, virtualizer, scroller]);

  return (
    <div ref={element} className={styles.overlay} aria-hidden>
      {timestamp !== undefined && <span className={styles.pill}>{formats.day(timestamp)}</span>}
    </div>
  );
}
