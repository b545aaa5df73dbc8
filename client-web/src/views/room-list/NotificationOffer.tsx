import { Bell, X } from 'lucide-react';
import { memo } from 'react';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { Button } from '../ui/Button.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './NotificationOffer.module.css';

/** Asks once whether to show notifications, when there is something to be notified of. Never by itself a browser prompt. */
export const NotificationOffer = memo(function NotificationOffer() {
  const t = useT('roomList');
  const { notifications, roomList } = useSession();
  const { isOffered } = useViewModel(notifications);
  const { order } = useViewModel(roomList);
  if (!isOffered || order.length === 0) return null;
  return (
    <aside className={styles.offer} aria-label={t('offerTitle')}>
      <Bell size={16} strokeWidth={1.75} aria-hidden />
      <p>{t('offer')}</p>
      <Button size="s" onPress={() => void notifications.turnOn()}>
        {t('offerTurnOn')}
      </Button>
      <IconButton icon={X} size="s" label={t('offerDismiss')} onPress={() => notifications.dismissOffer()} />
    </aside>
  );
});
