import { Outlet, useLocation } from '@tanstack/react-router';
import { Suspense, useRef } from 'react';
import type { SignedIn } from '../../view-models/app.ts';
import { DialogsProvider } from '../dialogs/DialogsProvider.tsx';
import { useNavigation, usePlace } from '../navigation.ts';
import { PendingPlaceContext } from '../PendingPlace.tsx';
import { RoomPending } from '../room/RoomPending.tsx';
import { RoomList } from '../room-list/RoomList.tsx';
import { SessionContext } from '../session-context.tsx';
import { ToastProvider } from '../ui/Toast.tsx';
import { useMediaQuery } from '../ui/use-media-query.ts';
import { useViewModel } from '../ui/use-view-model.ts';
import { ConnectionBar } from './ConnectionBar.tsx';
import { DesktopNotifier } from './DesktopNotifier.tsx';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { PageTitle } from './PageTitle.tsx';
import { Rail } from './Rail.tsx';
import styles from './Shell.module.css';
import { Unreachable } from './StartFailed.tsx';
import { StartScreen } from './StartScreen.tsx';
import { useShortcuts } from './use-shortcuts.ts';
import { useStartPlace } from './use-start-place.ts';
import { useSwipeBack } from './use-swipe-back.ts';

/** Everything that a signed-in user sees. */
export function Shell({ app }: { app: SignedIn }) {
  const { frame } = app;
  const { sync } = useViewModel(frame);
  if (sync === 'starting' && !frame.isKnown) return <StartScreen />;
  if (sync === 'unreachable') return <Unreachable onRetry={() => frame.reconnect()} />;
  return (
    <SessionContext value={app}>
      <ToastProvider>
        <DialogsProvider>
          <Frame />
        </DialogsProvider>
      </ToastProvider>
    </SessionContext>
  );
}

/** Rail, room list, and the place that the URL names. */
function Frame() {
  const { pathname } = useLocation();
  useShortcuts();
  useStartPlace();
  // On a phone there is one region at a time: the list at home, else the place.
  const place = pathname === '/' ? 'home' : pathname.startsWith('/settings') ? 'settings' : 'room';
  const regions = useRef<HTMLDivElement>(null);
  const { openHome, closePanel } = useNavigation();
  const { panel } = usePlace();
  const isPhone = useMediaQuery('(max-width: 639px)');
  useSwipeBack(regions, isPhone && place !== 'home' ? (panel ? closePanel : openHome) : undefined);
  return (
    <div className={styles.shell} data-place={place}>
      <PageTitle />
      <Suspense fallback={null}>
        <DesktopNotifier />
      </Suspense>
      <ConnectionBar />
      <div className={styles.regions} ref={regions}>
        <Rail />
        <RoomList place={place} />
        <div className={styles.place}>
          <ErrorBoundary subject={pathname}>
            <PendingPlaceContext value={place === 'room' ? <RoomPending /> : <main aria-busy="true" />}>
              <Outlet />
            </PendingPlaceContext>
          </ErrorBoundary>
        </div>
      </div>
    </div>
  );
}
