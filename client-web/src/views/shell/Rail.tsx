import { House } from 'lucide-react';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { IconButton } from '../ui/IconButton.tsx';
import styles from './Rail.module.css';

export function Rail() {
  const t = useT('shell');
  const { openHome } = useNavigation();
  return (
    <nav className={styles.rail} aria-label={t('rail')}>
      <IconButton icon={House} size="l" label={t('home')} tooltipPlacement="right" onPress={openHome} />
    </nav>
  );
}
