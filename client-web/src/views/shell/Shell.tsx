import { Outlet } from '@tanstack/react-router';
import { Suspense } from 'react';
import type { SessionViewModel } from '../../view-models/session-view-model.ts';
import { RoomList } from '../room-list/RoomList.tsx';
import { SessionContext } from '../session-context.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import { ConnectionBar } from './ConnectionBar.tsx';
import { Rail } from './Rail.tsx';
import styles from './Shell.module.css';
import { StartScreen } from './StartScreen.tsx';

/** The frame of a signed-in user: rail, room list, and the place that the URL names. */
export function Shell({ session }: { session: SessionViewModel }) {
  const { sync } = useViewModel(session);
  if (sync === 'starting') return <StartScreen />;
  return (
    <SessionContext value={session}>
      <div className={styles.shell}>
        <ConnectionBar />
        <div className={styles.regions}>
          <Rail />
          <RoomList />
          <Suspense fallback={null}>
            <Outlet />
          </Suspense>
        </div>
      </div>
    </SessionContext>
  );
}
