import { CloudOff, TriangleAlert, WifiOff } from 'lucide-react';
import { isMissingPart } from '../../platform/missing-part.ts';
import { useApp } from '../app-context.tsx';
import { useT } from '../i18n.tsx';
import { Button } from '../ui/Button.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import styles from './StartScreen.module.css';

/** The local store could not be opened or the app itself could not be loaded. */
export function StartFailed({ error }: { error: unknown }) {
  const t = useT('shell');
  const app = useApp();
  const isMissing = isMissingPart(error);
  return (
    <main className={styles.screen}>
      <EmptyState
        icon={isMissing ? CloudOff : TriangleAlert}
        title={t(isMissing ? 'missingPart' : 'startFailed')}
        actions={
          <>
            <Button onPress={() => void app.signOut()}>{t('signOut')}</Button>
            <Button variant="primary" onPress={() => (isMissing ? window.location.reload() : void app.start())}>
              {t(isMissing ? 'reload' : 'tryAgain')}
            </Button>
          </>
        }
      >
        {isMissing ? t('missingPartText') : error instanceof Error ? error.message : String(error)}
      </EmptyState>
    </main>
  );
}

/** The server has never answered since the page was opened, and nothing was kept from an earlier visit. */
export function Unreachable({ onRetry }: { onRetry: () => void }) {
  const t = useT('shell');
  const app = useApp();
  return (
    <main className={styles.screen}>
      <EmptyState
        icon={WifiOff}
        title={t('unreachable')}
        actions={
          <>
            <Button onPress={() => void app.signOut()}>{t('signOut')}</Button>
            <Button variant="primary" onPress={onRetry}>
              {t('tryNow')}
            </Button>
          </>
        }
      >
        {t('unreachableText', { server: window.location.host })}
      </EmptyState>
    </main>
  );
}
