import { useT } from '../i18n.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';

export function HomeView() {
  const t = useT('shell');
  return (
    <main style={{ flex: 1, display: 'flex' }}>
      <EmptyState title={t('home')} />
    </main>
  );
}
