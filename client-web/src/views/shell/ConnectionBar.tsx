import { WifiOff } from 'lucide-react';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './ConnectionBar.module.css';

/** A thin line across the top while the server cannot be reached. Reading and writing go on below it. */
export function ConnectionBar() {
  const t = useT('shell');
  const { sync } = useViewModel(useSession());
  const isShown = sync === 'offline' || sync === 'reconnecting';
  return (
    <div role="status" className={styles.bar} data-state={sync} hidden={!isShown}>
      {isShown && (
        <>
          <WifiOff size={14} strokeWidth={1.75} aria-hidden />
          {t(sync)}
        </>
      )}
    </div>
  );
}
