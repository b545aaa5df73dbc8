import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './views/tokens.css';
import './views/base.css';
import './views/name-hues.css';
import { RouterProvider } from '@tanstack/react-router';
import { lazy, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import storeWorkerUrl from './matrix/sync-store-worker.ts?worker&url';
import { readCredentials } from './platform/credentials.ts';
import { reloadForUpdates } from './platform/missing-part.ts';
import { createBrowserPlatform } from './platform/platform.ts';
import { followTheme } from './platform/theme.ts';
import { AppViewModel } from './view-models/app.ts';
import { AppContext } from './views/app-context.tsx';
import { createTranslations, I18nProvider, pickLanguage } from './views/i18n.tsx';
import { loadShell, preloadRoom } from './views/preload-shell.ts';
import { createAppRouter } from './views/router.tsx';
import { ShellContext } from './views/shell-context.ts';

const loadSession = () => import('./view-models/session-view-model.ts');

/** Milliseconds after which nobody minds that the sign-in page fetches what comes after it. */
const preloadDelayMs = 1000;

async function start(container: HTMLElement): Promise<void> {
  const platform = createBrowserPlatform(window, storeWorkerUrl);
  followTheme(window, platform.storage);
  const preload = () => Promise.all([loadShell(), loadSession()]).then(preloadRoom);
  const language = pickLanguage(platform.storage.get('language'), navigator.languages);
  const isSignedIn = readCredentials(platform.storage) !== undefined;
  if (!isSignedIn) setTimeout(() => void preload(), preloadDelayMs);
  // A component that is fetched while it is drawn would come a third of a second late: React does not let things flicker.
  const [translations, Shell] = await Promise.all([
    createTranslations(language),
    isSignedIn ? loadShell() : lazy(() => loadShell().then((shell) => ({ default: shell }))),
  ]);
  const router = createAppRouter();
  const app = new AppViewModel(platform, async (frame) => {
    // What is known is drawn before the rest is even read.
    if (frame.isKnown) await platform.page.pause();
    const { openSession } = await loadSession();
    preloadRoom();
    return openSession(frame);
  });
  createRoot(container).render(
    <StrictMode>
      <I18nProvider instance={translations}>
        <AppContext value={app}>
          <ShellContext value={Shell}>
            <RouterProvider router={router} />
          </ShellContext>
        </AppContext>
      </I18nProvider>
    </StrictMode>,
  );
  await app.start();
}

reloadForUpdates(window);
const container = document.getElementById('app');
if (!container) throw new Error('index.html has no #app');
void start(container);
