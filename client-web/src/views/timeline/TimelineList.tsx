import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { lazy, memo, Suspense, useCallback, useMemo, useRef, useState } from 'react';
import type { TimelineState, TimelineViewModel } from '../../view-models/timeline.ts';
import type { MessageItem, TimelineItem } from '../../view-models/timeline-items.ts';
import { useT } from '../i18n.tsx';
import type { LightboxProps } from '../media/Lightbox.tsx';
import { useSession } from '../session-context.tsx';
import { classes } from '../ui/classes.ts';
import { useSelected } from '../ui/use-view-model.ts';
import { ChangesRow } from './ChangesRow.tsx';
import { DayOverlay } from './DayOverlay.tsx';
import { useTimeFormats } from './format-time.ts';
import { JumpButtons } from './JumpButtons.tsx';
import { MessageRow, type MessageRowProps } from './MessageRow.tsx';
import { RoomStart, START_HEIGHT, THREAD_START_HEIGHT } from './RoomStart.tsx';
import type { RowHeights } from './row-heights.ts';
import { DaySeparator, NewSeparator } from './Separators.tsx';
import styles from './TimelineList.module.css';
import { END_THRESHOLD, type ListVirtualizer, useReadingPlace } from './use-reading-place.ts';
import { useRowFocus } from './use-row-focus.ts';

// Comes with the first picture that is opened.
const Lightbox = lazy(async () => ({ default: (await import('../media/Lightbox.tsx')).Lightbox }));

const END_PADDING = 8;
/** Of the timeline, before it is drawn. */
const GUESSED_WIDTH = 800;

/**
 * The exact height: whole pixels would add up to a visible shift. A row that is known is not measured again here; the browser
 * tells if it is another height by now.
 */
function measureWith(heights: RowHeights) {
  return (element: HTMLElement, entry: ResizeObserverEntry | undefined, list: ListVirtualizer): number => {
    const key = String(list.options.getItemKey(list.indexFromElement(element)));
    const observed = entry?.borderBoxSize[0]?.blockSize;
    const height = observed ?? heights.get(key) ?? element.getBoundingClientRect().height;
    heights.keep(key, height);
    return height;
  };
}

export interface TimelineListProps {
  timeline: TimelineViewModel;
  state: TimelineState;
  heights: RowHeights;
}

/** The rows, of which only those near the window exist; anchored at the end, as a conversation is read. */
export function TimelineList({ timeline, state, heights }: TimelineListProps) {
  const t = useT('timeline');
  const { items, focus } = state;
  const isThread = timeline.threadId !== undefined;
  const density = useSelected(useSession().preferences, (preferences) => preferences.density);
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const focusedIndex = useRef<number>(undefined);
  const [openImage, setOpenImage] = useState<string>();

  const virtualizer = useVirtualizer<HTMLDivElement, HTMLElement>({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) =>
      items[index] ? heights.guess(items[index], scroller.current?.clientWidth ?? GUESSED_WIDTH) : 0,
    getItemKey: useCallback((index: number) => items[index]?.key ?? index, [items]),
    rangeExtractor: (range) => {
      const drawn = defaultRangeExtractor(range);
      const kept = focusedIndex.current;
      return kept === undefined || drawn.includes(kept) ? drawn : [...drawn, kept].sort((a, b) => a - b);
    },
    measureElement: useMemo(() => measureWith(heights), [heights]),
    // What is drawn first is what will be seen, not the top of the list.
    initialRect: { width: 0, height: window.innerHeight },
    initialOffset: () => openingOffset(items, focus?.key, heights),
    anchorTo: 'end',
    scrollEndThreshold: END_THRESHOLD,
    overscan: 8,
    paddingStart: isThread ? THREAD_START_HEIGHT : START_HEIGHT,
    paddingEnd: END_PADDING,
  });
  const place = useReadingPlace(virtualizer, scroller, timeline, state);
  const rowFocus = useRowFocus(items, virtualizer, list);
  focusedIndex.current = rowFocus.focusedIndex;

  return (
    <div className={styles.frame} data-timeline data-density={density}>
      <DayOverlay items={items} virtualizer={virtualizer} scroller={scroller} />
      <Sentinel onFocus={rowFocus.onSentinelFocus} />
      <div ref={scroller} className={styles.scroller} tabIndex={-1} data-scroller>
        <div
          className={classes(styles.sizer, isThread && styles.fromTop)}
          style={{ height: virtualizer.getTotalSize() }}
        >
          <div className={styles.start}>
            <RoomStart
              room={state.room}
              isThread={isThread}
              isComplete={state.isComplete}
              hasFailed={state.hasPagingFailed}
              onRetry={() => void timeline.loadOlder()}
            />
          </div>
          <div
            ref={list}
            // An empty room has no articles, which a feed must have.
            {...(items.length > 0 && {
              role: 'feed',
              'aria-label': t(isThread ? 'labelThread' : 'label', { name: state.room.name }),
            })}
            aria-busy={state.isLoadingOlder || state.isLoadingNewer}
            {...rowFocus.listProps}
          >
            {virtualizer.getVirtualItems().map((virtual) => {
              const item = items[virtual.index];
              return item ? (
                <Row
                  key={item.key}
                  item={item}
                  index={virtual.index}
                  count={state.isComplete && state.isAtLiveEnd ? items.length : -1}
                  start={virtual.start}
                  measure={virtualizer.measureElement}
                  flash={focus?.key === item.key ? focus.request : undefined}
                  isActive={rowFocus.activeKey === item.key}
                  onOpenImage={setOpenImage}
                />
              ) : null;
            })}
          </div>
        </div>
      </div>
      <Sentinel onFocus={rowFocus.onSentinelFocus} />
      <JumpButtons
        timeline={timeline}
        state={state}
        place={place}
        onJumpToNew={() =>
          virtualizer.scrollToIndex(
            items.findIndex((item) => item.kind === 'new'),
            { align: 'center' },
          )
        }
      />
      <OpenPicture items={items} openKey={openImage} onOpen={setOpenImage} />
    </div>
  );
}

/** Where the window will be, as far as can be said before rows are drawn: at its lower edge the end, or in it the row asked for. */
function openingOffset(items: readonly TimelineItem[], focusKey: string | undefined, heights: RowHeights): number {
  const asked = items.findIndex((item) => item.key === focusKey);
  let height = START_HEIGHT;
  for (const item of asked < 0 ? items : items.slice(0, asked)) height += heights.guess(item, GUESSED_WIDTH);
  return Math.max(0, height - (asked < 0 ? window.innerHeight : window.innerHeight / 2));
}

interface OpenPictureProps extends Omit<LightboxProps, 'images'> {
  items: readonly TimelineItem[];
}

function OpenPicture({ items, ...props }: OpenPictureProps) {
  // It stays after the first picture, so that it can be seen to close.
  const [wasOpened, setOpened] = useState(false);
  if (props.openKey !== undefined && !wasOpened) setOpened(true);
  if (!wasOpened) return null;
  return (
    <Suspense>
      <Lightbox {...props} images={items.filter(isPicture)} />
    </Suspense>
  );
}

const isPicture = (item: TimelineItem): item is MessageItem =>
  item.kind === 'message' && item.event.body.kind === 'image' && !item.event.body.isSticker && !item.event.redaction;

interface RowProps extends Omit<MessageRowProps, 'item'> {
  item: TimelineItem;
  index: number;
  /** Rows in all, -1 when there may be more. */
  count: number;
  /** Pixels from the top of the list. */
  start: number;
  measure: (element: HTMLElement | null) => void;
}

/** Drawn again only when something of it changes: the list is drawn at each step of scrolling. */
const Row = memo(function Row({ item, index, count, start, measure, ...messageProps }: RowProps) {
  const label = useRowLabel(item);
  return (
    <article
      ref={measure}
      className={styles.item}
      style={{ transform: `translateY(${start}px)` }}
      data-index={index}
      data-key={item.key}
      data-kind={item.kind}
      tabIndex={-1}
      aria-label={label}
      aria-posinset={index + 1}
      aria-setsize={count}
    >
      <RowContent item={item} {...messageProps} />
    </article>
  );
});

/** Takes the focus that Tab brings to the list from outside, to give it to a row. */
function Sentinel({ onFocus }: { onFocus: () => void }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is a stop for Tab, and the focus never stays
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    <div data-sentinel tabIndex={0} onFocus={onFocus} />
  );
}

/** How a screen reader announces a row before it reads it. */
function useRowLabel(item: TimelineItem): string | undefined {
  const formats = useTimeFormats();
  const t = useT('timeline');
  if (item.kind === 'message') {
    return t('messageLabel', { name: item.event.sender.name, time: formats.time(item.event.timestamp) });
  }
  return item.kind === 'day' ? formats.day(item.timestamp) : undefined;
}

type RowContentProps = Omit<MessageRowProps, 'item'> & { item: TimelineItem };

function RowContent({ item, ...messageProps }: RowContentProps) {
  switch (item.kind) {
    case 'day':
      return <DaySeparator timestamp={item.timestamp} />;
    case 'new':
      return <NewSeparator />;
    case 'changes':
      return <ChangesRow item={item} />;
    default:
      return <MessageRow item={item} {...messageProps} />;
  }
}
