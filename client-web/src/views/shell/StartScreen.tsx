import { useT } from '../i18n.tsx';
import { Logo } from '../ui/Logo.tsx';
import styles from './StartScreen.module.css';

/** What is there before anything else: the mark, after a moment a word that it is loading, and after a while what it waits for. */
export function StartScreen() {
  const t = useT('shell');
  return (
    <main className={styles.screen} aria-busy="true" aria-label={t('starting')}>
      <Logo size={40} />
      <p className={styles.note}>{t('starting')}</p>
      <p className={styles.slow}>{t('startingSlow')}</p>
    </main>
  );
}
