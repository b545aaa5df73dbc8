import { Hash, Lock, type LucideIcon, MessagesSquare } from 'lucide-react';
import type { RoomFacts } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { useTimeFormats } from './format-time.ts';
import styles from './RoomStart.module.css';

/**
 * The height of what stands above the first row, whatever it is: the same while history loads and when its beginning
 * is reached, so that the rows below do not move.
 */
export const START_HEIGHT = 168;
/** A thread begins with the message it hangs on and needs no words above it. */
export const THREAD_START_HEIGHT = 12;

const ICONS: Record<RoomFacts['kind'], LucideIcon> = { direct: MessagesSquare, public: Hash, private: Lock };

/** What stands above the first row: the beginning of the room, or rows still to come. */
export function RoomStart(props: {
  room: RoomFacts;
  isThread: boolean;
  isComplete: boolean;
  hasFailed: boolean;
  onRetry: () => void;
}) {
  const { room, isThread, isComplete, hasFailed, onRetry } = props;
  const t = useT('timeline');
  const formats = useTimeFormats();
  if (isThread) return null;
  if (!isComplete) return hasFailed ? <Retry onRetry={onRetry} /> : <ComingRows />;
  const Icon = ICONS[room.kind];
  const { createdBy, createdAt, topic } = room;
  return (
    <div className={styles.start} style={{ height: START_HEIGHT }}>
      <span className={styles.icon}>
        <Icon size={20} strokeWidth={1.75} aria-hidden />
      </span>
      <h2 className={styles.title}>
        {t(room.kind === 'direct' ? 'startOfDirect' : 'startOfRoom', { name: `\u2068${room.name}\u2069` })}
      </h2>
      <p className={styles.text}>
        {createdBy &&
          createdAt !== undefined &&
          t('createdBy', { name: `\u2068${createdBy.name}\u2069`, day: formats.day(createdAt) })}
        {topic ? ` · ${topic}` : ''}
      </p>
    </div>
  );
}

function Retry({ onRetry }: { onRetry: () => void }) {
  const t = useT('timeline');
  return (
    <div className={styles.start} style={{ height: START_HEIGHT }} role="alert">
      <p className={styles.text}>
        {t('historyFailed')}{' '}
        <button type="button" className={styles.retry} onClick={onRetry}>
          {t('retry')}
        </button>
      </p>
    </div>
  );
}

/** Rows in outline, where history is being loaded. */
export function ComingRows({ height = START_HEIGHT }: { height?: number }) {
  const widths = ['62%', '38%', '54%'];
  return (
    <div className={styles.coming} style={{ height }} aria-hidden>
      {widths.map((width) => (
        <div key={width} className={styles.comingRow}>
          <Skeleton width={36} height={36} shape="circle" />
          <div className={styles.comingWords}>
            <Skeleton width={120} height={12} />
            <Skeleton width={width} height={12} />
          </div>
        </div>
      ))}
    </div>
  );
}
