import { Hash, MessageSquarePlus, Search } from 'lucide-react';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { Button } from '../ui/Button.tsx';
import styles from './RoomListEmpty.module.css';

/** The list before there is anything in it. */
export function RoomListEmpty({ isSpace }: { isSpace: boolean }) {
  const t = useT('roomList');
  const { open } = useDialogs();
  if (isSpace) return <p className={styles.text}>{t('emptySpace')}</p>;
  return (
    <div className={styles.empty}>
      <p className={styles.text}>{t('empty')}</p>
      <Button icon={Hash} isBlock onPress={() => open({ name: 'create-channel' })}>
        {t('createChannel')}
      </Button>
      <Button icon={Search} isBlock onPress={() => open({ name: 'find-room' })}>
        {t('findChannel')}
      </Button>
      <Button icon={MessageSquarePlus} isBlock onPress={() => open({ name: 'direct-message' })}>
        {t('newMessage')}
      </Button>
    </div>
  );
}
