import { useT } from '../i18n.tsx';
import { useTimeFormats } from './format-time.ts';
import styles from './Separators.module.css';

/** Where a new day begins. */
export function DaySeparator({ timestamp }: { timestamp: number }) {
  const formats = useTimeFormats();
  return (
    <div className={styles.day}>
      <h3 className={styles.pill}>{formats.day(timestamp)}</h3>
    </div>
  );
}

/** Where the unread messages begin. */
export function NewSeparator() {
  const t = useT('timeline');
  return (
    <div className={styles.new}>
      <span>{t('new')}</span>
    </div>
  );
}
