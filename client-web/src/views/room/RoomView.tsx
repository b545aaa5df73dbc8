import { ComposerView } from '../../composer/ComposerView.tsx';
import { usePlace } from '../navigation.ts';
import { TimelineView } from '../timeline/TimelineView.tsx';
import styles from './RoomView.module.css';

/** A room that the user is in: header, timeline and composer. */
export function RoomView({ roomId }: { roomId: string }) {
  const { event } = usePlace();
  return (
    <main className={styles.main}>
      <TimelineView roomId={roomId} eventId={event} />
      <ComposerView roomId={roomId} />
    </main>
  );
}
