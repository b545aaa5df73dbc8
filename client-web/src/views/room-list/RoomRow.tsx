import { BellOff, Ellipsis } from 'lucide-react';
import { memo, useRef, useState } from 'react';
import { countShown, type RoomSummary } from '../../view-models/room-list.ts';
import { useT } from '../i18n.tsx';
import { roomHref } from '../navigation.ts';
import { Badge } from '../ui/Badge.tsx';
import { RoomIcon } from '../ui/RoomIcon.tsx';
import styles from './RoomRow.module.css';

export interface RoomRowProps {
  room: RoomSummary;
  /** Its place in the section, from 0, and how many rows there are: most of them are not drawn. */
  index: number;
  count: number;
  /** Pixels from the first row. */
  top: number;
  isActive: boolean;
  isTabStop: boolean;
  isMenuOpen: boolean;
  onOpenMenu: (roomId: string, anchor: HTMLElement) => void;
}

/** One room in one line. Drawn again only when something of it changes: there may be hundreds. */
export const RoomRow = memo(function RoomRow(props: RoomRowProps) {
  const { room, isActive, isTabStop, isMenuOpen, onOpenMenu } = props;
  const t = useT('roomList');
  const row = useRef<HTMLLIElement>(null);
  // The menu button comes with the pointer or the focus: hundreds of rows need none.
  const [isNear, setNear] = useState(false);
  const count = countShown(room);
  const isMuted = room.notificationLevel === 'mute';
  const isInvite = room.membership === 'invite';
  return (
    <li
      ref={row}
      className={styles.row}
      style={{ transform: `translateY(${props.top}px)` }}
      aria-posinset={props.index + 1}
      aria-setsize={props.count}
      data-active={isActive || undefined}
      data-unread={room.unread.level !== 'none' || undefined}
      data-muted={isMuted || undefined}
      data-menu={isMenuOpen || undefined}
      onPointerEnter={() => setNear(true)}
      onPointerLeave={() => setNear(false)}
      onFocus={() => setNear(true)}
      onBlur={(event) => setNear(event.currentTarget.contains(event.relatedTarget))}
      onContextMenu={(event) => {
        if (isInvite || !row.current) return;
        event.preventDefault();
        onOpenMenu(room.roomId, row.current);
      }}
    >
      <a
        data-room={room.roomId}
        href={roomHref(room.roomId)}
        className={styles.link}
        aria-current={isActive ? 'page' : undefined}
        tabIndex={isTabStop ? 0 : -1}
        draggable={false}
      >
        <RoomIcon room={room} size={20} />
        <span className={styles.name}>{room.name}</span>
        {isMuted && <BellOff size={14} strokeWidth={1.75} aria-hidden className={styles.muted} />}
        <span className="visually-hidden">{describe(room, t)}</span>
        {isInvite ? <span className={styles.invite}>{t('new')}</span> : <Badge count={count} />}
      </a>
      {!isInvite && (isNear || isMenuOpen) && (
        <button
          type="button"
          className={styles.more}
          aria-label={t('more', { name: room.name })}
          aria-haspopup="menu"
          aria-expanded={isMenuOpen}
          onClick={(event) => onOpenMenu(room.roomId, event.currentTarget)}
        >
          <Ellipsis size={16} strokeWidth={1.75} aria-hidden />
        </button>
      )}
    </li>
  );
});

/** What the looks of the row say, in words. */
function describe(room: RoomSummary, t: ReturnType<typeof useT>): string {
  const words = [t(room.membership === 'invite' ? 'isInvite' : room.kind === 'direct' ? 'isDirect' : 'isChannel')];
  if (room.notificationLevel === 'mute') words.push(t('isMuted'));
  if (room.membership === 'invite') return words.join(', ');
  if (room.kind === 'direct' && room.unread.notifications > 0) {
    words.push(t('unreadCount', { count: room.unread.notifications }));
  } else if (room.unread.mentions > 0) {
    words.push(t('mentionCount', { count: room.unread.mentions }));
  } else if (room.unread.level !== 'none') {
    words.push(t('isUnread'));
  }
  return words.join(', ');
}
