import { ChevronDown, Plus } from 'lucide-react';
import { Button } from 'react-aria-components/Button';
import { hasNews, type RoomSection } from '../../view-models/room-list.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { RoomRow } from './RoomRow.tsx';
import styles from './RoomSectionView.module.css';

export interface RoomSectionViewProps {
  section: RoomSection;
  isCollapsed: boolean;
  activeRoomId: string | undefined;
  tabStop: string | undefined;
  menuRoomId: string | undefined;
  onOpenMenu: (roomId: string, anchor: HTMLElement) => void;
}

/** A heading that collapses and the rooms under it. Collapsed, it still shows where one is and what is unread. */
export function RoomSectionView(props: RoomSectionViewProps) {
  const { section, isCollapsed, activeRoomId, tabStop, menuRoomId, onOpenMenu } = props;
  const t = useT('roomList');
  const { preferences } = useSession();
  const rooms = isCollapsed
    ? section.rooms.filter((room) => room.roomId === activeRoomId || hasNews(room))
    : section.rooms;
  return (
    <section className={styles.section} aria-labelledby={`section-${section.id}`}>
      <div className={styles.heading}>
        <Button
          className={styles.toggle ?? ''}
          aria-expanded={!isCollapsed}
          onPress={() => preferences.toggleSection(section.id)}
        >
          <ChevronDown size={14} strokeWidth={2} aria-hidden className={styles.chevron} />
          <h2 id={`section-${section.id}`}>{t(section.id)}</h2>
        </Button>
        <SectionAction section={section} />
      </div>
      <ul>
        {rooms.map((room) => (
          <RoomRow
            key={room.roomId}
            room={room}
            isActive={room.roomId === activeRoomId}
            isTabStop={room.roomId === tabStop}
            isMenuOpen={room.roomId === menuRoomId}
            onOpenMenu={onOpenMenu}
          />
        ))}
      </ul>
    </section>
  );
}

function SectionAction({ section }: { section: RoomSection }) {
  const t = useT('roomList');
  const { open } = useDialogs();
  if (section.id === 'channels') {
    return (
      <IconButton icon={Plus} size="s" label={t('createChannel')} onPress={() => open({ name: 'create-channel' })} />
    );
  }
  if (section.id === 'direct') {
    return <IconButton icon={Plus} size="s" label={t('newMessage')} onPress={() => open({ name: 'direct-message' })} />;
  }
  return null;
}
