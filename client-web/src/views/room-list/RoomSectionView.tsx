import { ChevronDown, Plus } from 'lucide-react';
import { memo } from 'react';
import { Button } from 'react-aria-components/Button';
import type { RoomSectionId } from '../../view-models/room-list.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useFrame } from '../session-context.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { RoomRow } from './RoomRow.tsx';
import styles from './RoomSectionView.module.css';
import type { ShownSection } from './use-room-rows.ts';

export interface RoomSectionViewProps {
  place: ShownSection;
  activeRoomId: string | undefined;
  tabStop: string | undefined;
  menuRoomId: string | undefined;
  onOpenMenu: (roomId: string, anchor: HTMLElement) => void;
}

/** A heading that collapses and the rooms under it. */
export function RoomSectionView(props: RoomSectionViewProps) {
  const { place, activeRoomId, tabStop, menuRoomId, onOpenMenu } = props;
  const { section, isCollapsed } = place;
  return (
    <section className={styles.section} aria-labelledby={`section-${section.id}`}>
      <SectionHeading id={section.id} isCollapsed={isCollapsed} />
      <ul className={styles.rows} style={{ height: place.height }}>
        {place.rows.map(({ room, index, top }) => (
          <RoomRow
            key={room.roomId}
            room={room}
            index={index}
            count={place.rowCount}
            top={top}
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

/** Drawn again only when it changes itself, not with each room that is opened. */
const SectionHeading = memo(function SectionHeading(props: { id: RoomSectionId; isCollapsed: boolean }) {
  const { id, isCollapsed } = props;
  const t = useT('roomList');
  const { preferences } = useFrame();
  return (
    <div className={styles.heading}>
      <Button
        className={styles.toggle ?? ''}
        aria-expanded={!isCollapsed}
        onPress={() => preferences.toggleSection(id)}
      >
        <ChevronDown size={14} strokeWidth={2} aria-hidden className={styles.chevron} />
        <h2 id={`section-${id}`}>{t(id)}</h2>
      </Button>
      <SectionAction id={id} />
    </div>
  );
});

function SectionAction({ id }: { id: RoomSectionId }) {
  const t = useT('roomList');
  const { open } = useDialogs();
  if (id === 'channels') {
    return (
      <IconButton icon={Plus} size="s" label={t('createChannel')} onPress={() => open({ name: 'create-channel' })} />
    );
  }
  if (id === 'direct') {
    return <IconButton icon={Plus} size="s" label={t('newMessage')} onPress={() => open({ name: 'direct-message' })} />;
  }
  return null;
}
