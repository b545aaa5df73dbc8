import { ComposerView } from '../composer/ComposerView.tsx';
import { ErrorBoundary } from '../shell/ErrorBoundary.tsx';
import { TimelineView } from '../timeline/TimelineView.tsx';

/** One thread beside the room it belongs to. */
export function ThreadPanel(props: { roomId: string; threadId: string; eventId: string | undefined }) {
  const { roomId, threadId, eventId } = props;
  return (
    <>
      <ErrorBoundary>
        <TimelineView roomId={roomId} threadId={threadId} eventId={eventId} />
      </ErrorBoundary>
      <ErrorBoundary>
        <ComposerView roomId={roomId} threadId={threadId} />
      </ErrorBoundary>
    </>
  );
}
