import { ComposerView } from '../composer/ComposerView.tsx';
import styles from './ThreadPanel.module.css';
import { TimelineView } from './TimelineView.tsx';

/** A thread with its own composer. */
export function ThreadPanel({ roomId, threadId }: { roomId: string; threadId: string }) {
  return (
    <div className={styles.panel}>
      <TimelineView roomId={roomId} threadId={threadId} />
      <ComposerView roomId={roomId} threadId={threadId} />
    </div>
  );
}
