import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import type { TimelineEvent, TimelineViewModel } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Button } from '../ui/Button.tsx';
import { classes } from '../ui/classes.ts';
import { EmptyState } from '../ui/EmptyState.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import { Announcer } from './Announcer.tsx';
import { DeleteRequestContext } from './delete-request.ts';
import { ComingRows } from './RoomStart.tsx';
import { RowHeights } from './row-heights.ts';
import { TimelineList } from './TimelineList.tsx';
import styles from './TimelineView.module.css';
import { TypingLine } from './TypingLine.tsx';
import { TimelineContext } from './timeline-context.ts';

// Dialogs come when they are first needed.
const DeleteDialog = lazy(async () => ({ default: (await import('./DeleteDialog.tsx')).DeleteDialog }));

export interface TimelineViewProps {
  roomId: string;
  /** Show this event instead of the newest. */
  eventId?: string | undefined;
  /** Show this thread of the room. */
  threadId?: string | undefined;
}

/** The messages of a room or thread. Fills its parent and scrolls inside itself. */
export function TimelineView({ roomId, eventId, threadId }: TimelineViewProps) {
  const session = useSession();
  const openedAt = useRef(eventId);
  const [heights] = useState(() => new RowHeights());
  const timeline = useOwnedViewModel(
    () => session.createTimeline(roomId, { eventId, threadId }),
    [session, roomId, threadId],
  );
  useEffect(() => {
    if (eventId !== undefined && eventId !== openedAt.current) void timeline.showEvent(eventId);
    openedAt.current = eventId;
  }, [timeline, eventId]);
  return (
    <TimelineContext value={timeline}>
      <Content key={`${roomId} ${threadId ?? ''}`} timeline={timeline} heights={heights} />
    </TimelineContext>
  );
}

function Content({ timeline, heights }: { timeline: TimelineViewModel; heights: RowHeights }) {
  const t = useT('timeline');
  const state = useViewModel(timeline);
  const [toDelete, setToDelete] = useState<TimelineEvent>();
  const { openPanel } = useNavigation();
  const { threadToOpen } = state;
  const isThread = timeline.threadId !== undefined;
  useEffect(() => {
    if (threadToOpen) openPanel('thread', { threadId: threadToOpen.threadId });
  }, [threadToOpen, openPanel]);
  return (
    <DeleteRequestContext value={setToDelete}>
      <section
        className={styles.timeline}
        aria-label={t(isThread ? 'labelThread' : 'label', { name: state.room.name })}
      >
        {state.status === 'ready' && <TimelineList timeline={timeline} state={state} heights={heights} />}
        {state.status === 'loading' && (
          <div className={classes(styles.waiting, isThread && styles.fromTop)} aria-busy="true">
            <ComingRows {...(!isThread && { height: 480 })} />
          </div>
        )}
        {state.status === 'failed' && (
          <EmptyState
            title={t(isThread ? 'threadFailed' : 'openFailed')}
            actions={
              <Button onPress={() => void timeline.jumpToLatest()}>{t(isThread ? 'retry' : 'showLatest')}</Button>
            }
          >
            {t(isThread ? 'threadFailedText' : 'openFailedText')}
          </EmptyState>
        )}
        <Announcer items={state.items} isAtLiveEnd={state.isAtLiveEnd} />
        <TypingLine people={state.typing} />
      </section>
      <Suspense>
        {toDelete && <DeleteDialog timeline={timeline} event={toDelete} onClose={() => setToDelete(undefined)} />}
      </Suspense>
    </DeleteRequestContext>
  );
}
