import { ArrowLeft, X } from 'lucide-react';
import { type KeyboardEvent, lazy, type ReactNode, Suspense } from 'react';
import { panelWidthLimits } from '../../view-models/preferences.ts';
import type { RoomViewModel } from '../../view-models/room.ts';
import { useT } from '../i18n.tsx';
import { useNavigation, usePlace } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { ErrorBoundary } from '../shell/ErrorBoundary.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { Splitter } from '../ui/Splitter.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './SidePanel.module.css';
import { ThreadPanel } from './ThreadPanel.tsx';

const MemberListPanel = lazy(() =>
  import('../members/MemberListPanel.tsx').then((m) => ({ default: m.MemberListPanel })),
);
const MemberPanel = lazy(() => import('../members/MemberPanel.tsx').then((m) => ({ default: m.MemberPanel })));
const RoomSettingsPanel = lazy(() => import('./RoomSettingsPanel.tsx').then((m) => ({ default: m.RoomSettingsPanel })));

/** The region beside the main one. The URL says what is in it, so the way back leads through it. */
export function SidePanel({ roomId, viewModel }: { roomId: string; viewModel: RoomViewModel }) {
  const t = useT('room');
  const { panel, user, thread, event } = usePlace();
  const { preferences } = useSession();
  const { panelWidth } = useViewModel(preferences);
  const { summary } = useViewModel(viewModel);
  const { openPanel, closePanel } = useNavigation();

  let title: string;
  let content: ReactNode;
  let back: (() => void) | undefined;
  switch (panel) {
    case 'members':
      title = t('members');
      content = <MemberListPanel key={roomId} roomId={roomId} />;
      break;
    case 'member':
      title = t('profile');
      back = () => openPanel('members');
      content = user ? <MemberPanel key={user} roomId={roomId} userId={user} /> : null;
      break;
    case 'thread':
      title = t('thread');
      content = thread ? <ThreadPanel key={thread} roomId={roomId} threadId={thread} eventId={event} /> : null;
      break;
    case 'settings':
      title = t(summary?.kind === 'direct' ? 'details' : 'settings');
      content = <RoomSettingsPanel key={roomId} roomId={roomId} viewModel={viewModel} />;
      break;
    default:
      return null;
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && !event.defaultPrevented) closePanel();
  };
  return (
    <aside className={styles.panel} style={{ width: panelWidth }} aria-label={title} data-region onKeyDown={onKeyDown}>
      <Splitter
        label={t('panelWidth')}
        width={panelWidth}
        limits={panelWidthLimits}
        side="after"
        onChange={(width) => preferences.change({ panelWidth: width })}
      />
      <header className={styles.header}>
        {back && <IconButton icon={ArrowLeft} label={t('back')} tooltip={false} onPress={back} />}
        <h2 className={styles.title}>{title}</h2>
        <IconButton icon={X} label={t('closePanel')} tooltip={false} onPress={closePanel} />
      </header>
      <ErrorBoundary key={panel}>
        <Suspense fallback={null}>{content}</Suspense>
      </ErrorBoundary>
    </aside>
  );
}
