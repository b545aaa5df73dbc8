import { Link } from '@tanstack/react-router';
import { Hash } from 'lucide-react';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './RoomList.module.css';

export function RoomList() {
  const t = useT('roomList');
  const { sections } = useViewModel(useSession().roomList);
  return (
    <nav className={styles.list} aria-label={t('rooms')}>
      {sections.map((section) => (
        <section key={section.id}>
          <h2 className={styles.heading}>{t(section.id)}</h2>
          {section.rooms.map((room) => (
            <Link key={room.roomId} to="/room/$roomId" params={{ roomId: room.roomId }} className={styles.room}>
              <Hash size={16} aria-hidden /> {room.name}
            </Link>
          ))}
        </section>
      ))}
    </nav>
  );
}
