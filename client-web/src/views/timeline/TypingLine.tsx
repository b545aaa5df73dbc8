import type { Person } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import styles from './TypingLine.module.css';
import { usePeople } from './use-people.ts';

/** Who is typing. Its line is always there, so that nothing moves when it begins. */
export function TypingLine({ people }: { people: readonly Person[] }) {
  const t = useT('timeline');
  const toNames = usePeople();
  return (
    <div className={styles.line}>
      {people.length > 0 && (
        <>
          <span className={styles.dots} aria-hidden>
            <i />
            <i />
            <i />
          </span>
          <span className={styles.text}>{t('typing', { people: toNames(people), count: people.length })}</span>
        </>
      )}
    </div>
  );
}
