import type { RoomViewModel } from '../../view-models/room.ts';
import { ComposerView } from '../composer/ComposerView.tsx';
import { useT } from '../i18n.tsx';
import { usePlace } from '../navigation.ts';
import { ErrorBoundary } from '../shell/ErrorBoundary.tsx';
import { TimelineView } from '../timeline/TimelineView.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import { RoomHeader } from './RoomHeader.tsx';
import styles from './RoomView.module.css';
import { SidePanel } from './SidePanel.tsx';

/** A room that the user is in: header, timeline, composer and the side panel. */
export function RoomView({ roomId, viewModel }: { roomId: string; viewModel: RoomViewModel }) {
  const t = useT('room');
  const { event, panel } = usePlace();
  const { summary } = useViewModel(viewModel);
  return (
    <>
      <main className={styles.main} aria-label={summary?.name ?? t('room')} data-region>
        <RoomHeader roomId={roomId} viewModel={viewModel} />
        <ErrorBoundary subject={roomId}>
          <TimelineView roomId={roomId} eventId={event} />
        </ErrorBoundary>
        <ErrorBoundary subject={roomId}>
          <ComposerView roomId={roomId} />
        </ErrorBoundary>
      </main>
      {panel && <SidePanel roomId={roomId} viewModel={viewModel} />}
    </>
  );
}
