import { WifiOff } from 'lucide-react';
import { memo } from 'react';
import { Button } from 'react-aria-components/Button';
import { useT } from '../i18n.tsx';
import { useFrame } from '../session-context.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './ConnectionBar.module.css';

/** A thin line across the top while the server cannot be reached. Reading and writing go on below it. */
export const ConnectionBar = memo(function ConnectionBar() {
  const t = useT('shell');
  const frame = useFrame();
  const { sync } = useViewModel(frame);
  const isShown = sync === 'offline' || sync === 'reconnecting';
  return (
    <div role="status" className={styles.bar} data-shown={isShown || undefined}>
      {isShown && (
        <>
          <WifiOff size={14} strokeWidth={1.75} aria-hidden />
          <span>{t(sync)}</span>
          {sync === 'offline' && (
            <Button className={styles.retry ?? ''} onPress={() => frame.reconnect()}>
              {t('tryNow')}
            </Button>
          )}
        </>
      )}
    </div>
  );
});
