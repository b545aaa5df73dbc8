import { House } from 'lucide-react';
import { memo, type ReactNode } from 'react';
import { Button } from 'react-aria-components/Button';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useFrame } from '../session-context.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './Rail.module.css';
import { UserMenu } from './UserMenu.tsx';

/** Home and the spaces, and at the bottom oneself. */
export const Rail = memo(function Rail() {
  const t = useT('shell');
  const { openHome } = useNavigation();
  const { roomList } = useFrame();
  const { spaces, activeSpaceId, hasUnread, mentions } = useViewModel(roomList);
  return (
    <nav className={styles.rail} aria-label={t('rail')} data-region>
      <RailItem
        label={t('home')}
        isActive={activeSpaceId === undefined}
        hasUnread={hasUnread}
        mentions={mentions}
        onPress={() => {
          roomList.selectSpace(undefined);
          openHome();
        }}
      >
        <span className={styles.tile}>
          <House size={20} strokeWidth={1.75} aria-hidden />
        </span>
      </RailItem>
      {spaces.map((space) => (
        <RailItem
          key={space.roomId}
          label={space.name}
          isActive={space.roomId === activeSpaceId}
          hasUnread={space.hasUnread}
          mentions={space.mentions}
          onPress={() => roomList.selectSpace(space.roomId)}
        >
          <Avatar id={space.roomId} name={space.name} mxc={space.avatarMxc} size={40} shape="room" />
        </RailItem>
      ))}
      <div className={styles.spacer} />
      <UserMenu placement="right bottom" />
    </nav>
  );
});

interface RailItemProps {
  label: string;
  isActive: boolean;
  hasUnread: boolean;
  mentions: number;
  onPress: () => void;
  children: ReactNode;
}

function RailItem({ label, isActive, hasUnread, mentions, onPress, children }: RailItemProps) {
  const t = useT('shell');
  const news = mentions > 0 ? t('mentions', { count: mentions }) : hasUnread ? t('unread') : undefined;
  return (
    <Tooltip text={label} placement="right">
      <Button
        className={styles.item ?? ''}
        aria-label={news ? `${label}, ${news}` : label}
        aria-pressed={isActive}
        data-active={isActive || undefined}
        onPress={onPress}
      >
        {children}
        {mentions > 0 ? (
          <span className={styles.count}>{mentions > 99 ? '99+' : mentions}</span>
        ) : (
          hasUnread && <span className={styles.dot} />
        )}
      </Button>
    </Tooltip>
  );
}
