import { Suspense } from 'react';
import { useApp } from './app-context.tsx';
import { AuthPages } from './auth/AuthPages.tsx';
import { StartFailed } from './shell/StartFailed.tsx';
import { StartScreen } from './shell/StartScreen.tsx';
import { useShell } from './shell-context.ts';
import { useViewModel } from './ui/use-view-model.ts';

/** Decides between the pages before sign-in and the frame of a signed-in user. */
export function AppRoot() {
  const { app } = useViewModel(useApp());
  const Shell = useShell();
  switch (app.phase) {
    case 'loading':
      return <StartScreen />;
    case 'failed':
      return <StartFailed error={app.error} />;
    case 'signed-out':
      return <AuthPages reason={app.reason} previous={app.previous} />;
    case 'signed-in':
      return (
        <Suspense fallback={<StartScreen />}>
          <Shell app={app} />
        </Suspense>
      );
  }
}
