import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './views/tokens.css';
import './views/base.css';
import './views/name-hues.css';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createBrowserPlatform } from './platform/platform.ts';
import { followTheme } from './platform/theme.ts';
import { AppViewModel } from './view-models/app.ts';
import { AppContext } from './views/app-context.tsx';
import { createTranslations, I18nProvider, pickLanguage } from './views/i18n.tsx';
import { createAppRouter } from './views/router.tsx';

async function start(container: HTMLElement): Promise<void> {
  const platform = createBrowserPlatform(window);
  followTheme(window, platform.storage);
  const language = pickLanguage(platform.storage.get('language'), navigator.languages);
  const translations = await createTranslations(language);
  const router = createAppRouter();
  const app = new AppViewModel(platform, async (credentials, sessionPlatform) => {
    const { openSession } = await import('./view-models/session-view-model.ts');
    return openSession(credentials, sessionPlatform);
  });
  createRoot(container).render(
    <StrictMode>
      <I18nProvider instance={translations}>
        <AppContext value={app}>
          <RouterProvider router={router} />
        </AppContext>
      </I18nProvider>
    </StrictMode>,
  );
  await app.start();
}

/**
 * After an update of the server, a page that was open before asks for parts that are gone. Loading it again gets the new
 * ones; but only once in a while, in case they are missing for another reason.
 */
function reloadForUpdates(storage: Storage): void {
  const key = 'parley:reloaded-at';
  window.addEventListener('vite:preloadError', () => {
    if (Date.now() - Number(storage.getItem(key)) < 60_000) return;
    storage.setItem(key, String(Date.now()));
    window.location.reload();
  });
}

reloadForUpdates(window.sessionStorage);
const container = document.getElementById('app');
if (!container) throw new Error('index.html has no #app');
void start(container);
