import { lazy, memo, type PointerEvent, Suspense, useRef, useState } from 'react';
import { hueOf } from '../../view-models/sender-hue.ts';
import type { TimelineEvent } from '../../view-models/timeline.ts';
import type { MessageItem } from '../../view-models/timeline-items.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { Avatar } from '../ui/Avatar.tsx';
import { classes } from '../ui/classes.ts';
import { ActionBar } from './ActionBar.tsx';
import { useTimeFormats } from './format-time.ts';
import { MessageBodyView } from './MessageBodyView.tsx';
import styles from './MessageRow.module.css';
import { ReactionsView } from './ReactionsView.tsx';
import { ReadersView } from './ReadersView.tsx';
import { ReplyQuoteView } from './ReplyQuoteView.tsx';
import { ThreadLine } from './ThreadLine.tsx';
import { useTimelineViewModel } from './timeline-context.ts';

// For fingers only.
const ActionSheet = lazy(async () => ({ default: (await import('./ActionSheet.tsx')).ActionSheet }));

export interface MessageRowProps {
  item: MessageItem;
  /** Changes when the row is to be marked for a moment. */
  flash: number | undefined;
  /** The keyboard is on the row. */
  isActive: boolean;
  onOpenImage: (key: string) => void;
}

const LONG_PRESS_MS = 450;

/** One message: heading with avatar and name where a group begins, then what it says and what others made of it. */
export const MessageRow = memo(function MessageRow({ item, flash, isActive, onOpenImage }: MessageRowProps) {
  const { event, startsGroup } = item;
  const timeline = useTimelineViewModel();
  const attention = useAttention();
  return (
    <div
      className={classes(styles.row, startsGroup && styles.start, event.isHighlighted && styles.mention)}
      data-status={event.status}
      data-message={event.eventId}
      {...attention.handlers}
    >
      {flash !== undefined && <span key={flash} className={styles.flash} aria-hidden />}
      <Gutter item={item} />
      <div className={styles.content}>
        {startsGroup && <Heading event={event} />}
        {event.replyTo && <ReplyQuoteView quote={event.replyTo} />}
        <div data-body>
          <MessageBodyView event={event} onOpenImage={() => onOpenImage(item.key)} />
        </div>
        {event.thread && event.thread.id !== timeline.threadId && <ThreadLine thread={event.thread} />}
        {event.reactions.length > 0 && <ReactionsView event={event} />}
        {(event.status === 'waiting' || event.status === 'failed') && <UnsentLine event={event} />}
      </div>
      {event.readers.length > 0 && <ReadersView readers={event.readers} />}
      {(attention.isOn || isActive) && event.status === 'sent' && !event.redaction && (
        <ActionBar event={event} onOpenChange={attention.setHeld} />
      )}
      {attention.isPressed && (
        <Suspense>
          <ActionSheet event={event} onClose={attention.release} />
        </Suspense>
      )}
    </div>
  );
});

/** Whether the actions of the row are to be shown: the pointer is on it, or a finger rested there. */
function useAttention() {
  const [isHovered, setHovered] = useState(false);
  const [isHeld, setHeld] = useState(false);
  const [isPressed, setPressed] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const stop = (): void => clearTimeout(timer.current);
  return {
    isOn: isHovered || isHeld,
    isPressed,
    setHeld,
    release: () => setPressed(false),
    handlers: {
      onPointerEnter: (event: PointerEvent) => setHovered(event.pointerType === 'mouse'),
      onPointerLeave: () => {
        setHovered(false);
        stop();
      },
      onPointerDown: (event: PointerEvent) => {
        if (event.pointerType === 'mouse') return;
        stop();
        timer.current = setTimeout(() => setPressed(true), LONG_PRESS_MS);
      },
      onPointerUp: stop,
      onPointerCancel: stop,
      onPointerMove: (event: PointerEvent) => {
        if (Math.abs(event.movementX) + Math.abs(event.movementY) > 6) stop();
      },
    },
  };
}

function Gutter({ item }: { item: MessageItem }) {
  const { event, startsGroup } = item;
  const { openUser } = useNavigation();
  const formats = useTimeFormats();
  const time = (
    <time
      className={startsGroup ? styles.groupTime : styles.gutterTime}
      dateTime={new Date(event.timestamp).toISOString()}
    >
      {formats.time(event.timestamp)}
    </time>
  );
  if (!startsGroup) return time;
  const { id, name, avatarMxc } = event.sender;
  // Which of the two is seen is a matter of density. The name beside it does the same for the keyboard and screen readers.
  return (
    <div>
      <button type="button" className={styles.avatar} tabIndex={-1} aria-hidden onClick={() => openUser(id)}>
        <Avatar name={name} id={id} mxc={avatarMxc} size={36} />
      </button>
      {time}
    </div>
  );
}

function Heading({ event }: { event: TimelineEvent }) {
  const { openUser } = useNavigation();
  const formats = useTimeFormats();
  return (
    <div className={styles.heading}>
      <button
        type="button"
        className={styles.sender}
        data-name-hue={hueOf(event.sender.id)}
        title={event.sender.id}
        onClick={() => openUser(event.sender.id)}
      >
        <bdi>{event.sender.name}</bdi>
      </button>
      <time
        className={styles.time}
        dateTime={new Date(event.timestamp).toISOString()}
        title={formats.full(event.timestamp)}
      >
        {formats.time(event.timestamp)}
      </time>
    </div>
  );
}

function UnsentLine({ event }: { event: TimelineEvent }) {
  const t = useT('timeline');
  const timeline = useTimelineViewModel();
  return (
    <div className={styles.unsent} data-status={event.status} role={event.status === 'failed' ? 'alert' : undefined}>
      {t(event.status === 'failed' ? 'notSent' : 'waiting')}{' '}
      <button type="button" onClick={() => timeline.retry()}>
        {t('retry')}
      </button>
      {' · '}
      <button type="button" onClick={() => timeline.discard(event)}>
        {t('delete')}
      </button>
    </div>
  );
}
