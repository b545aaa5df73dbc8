import { ArrowLeft, Ellipsis, Info, Star, Users } from 'lucide-react';
import { memo } from 'react';
import { Button } from 'react-aria-components/Button';
import { Menu as AriaMenu, MenuTrigger } from 'react-aria-components/Menu';
import { Popover } from 'react-aria-components/Popover';
import type { RoomViewModel } from '../../view-models/room.ts';
import { useT } from '../i18n.tsx';
import { useNavigation, usePlace } from '../navigation.ts';
import type { PanelName } from '../places.ts';
import { IconButton } from '../ui/IconButton.tsx';
import menuStyles from '../ui/Menu.module.css';
import { toPresenceMark } from '../ui/presence-mark.ts';
import { RoomIcon } from '../ui/RoomIcon.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';
import { useStableCallback } from '../ui/use-stable-callback.ts';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './RoomHeader.module.css';
import { RoomMenuItems } from './RoomMenuItems.tsx';

/** What the room is called and about, and the buttons of its side panels. */
export function RoomHeader({ roomId, viewModel }: { roomId: string; viewModel: RoomViewModel }) {
  const t = useT('room');
  const { summary, presence } = useViewModel(viewModel);
  const { panel } = usePlace();
  const { openPanel, closePanel, openHome } = useNavigation();
  const toggle = (name: PanelName) => (panel === name ? closePanel() : openPanel(name));
  const toggleMembers = useStableCallback(() => toggle('members'));
  const toggleSettings = useStableCallback(() => toggle('settings'));
  if (!summary) return null;
  const isDirect = summary.kind === 'direct';
  return (
    <header className={styles.header}>
      <span className={styles.back}>
        <IconButton icon={ArrowLeft} label={t('back')} tooltip={false} onPress={openHome} />
      </span>
      <Button className={styles.title ?? ''} onPress={toggleSettings} data-region-focus>
        <RoomIcon room={summary} size={isDirect ? 24 : 20} presence={toPresenceMark(presence)} />
        <h1 className={styles.name}>{summary.name}</h1>
      </Button>
      {summary.isFavourite && (
        <Star size={14} strokeWidth={1.75} fill="currentColor" className={styles.star} aria-label={t('favourite')} />
      )}
      {summary.topic && (
        <Tooltip text={summary.topic} placement="bottom" isPlain>
          <span className={styles.topic} role="note">
            {summary.topic}
          </span>
        </Tooltip>
      )}
      <span className={styles.spacer} />
      <MembersButton
        count={summary.memberCount}
        isOpen={panel === 'members' || panel === 'member'}
        onPress={toggleMembers}
      />
      <IconButton
        icon={Info}
        label={t(isDirect ? 'details' : 'settings')}
        isActive={panel === 'settings'}
        tooltipPlacement="bottom"
        onPress={toggleSettings}
      />
      <MenuTrigger>
        <IconButton icon={Ellipsis} label={t('more')} tooltipPlacement="bottom" />
        <Popover className={menuStyles.popover ?? ''} placement="bottom end" offset={4}>
          <AriaMenu className={menuStyles.menu ?? ''} aria-label={t('more')}>
            <RoomMenuItems roomId={roomId} viewModel={viewModel} />
          </AriaMenu>
        </Popover>
      </MenuTrigger>
    </header>
  );
}

const MembersButton = memo(function MembersButton(props: { count: number; isOpen: boolean; onPress: () => void }) {
  const { count, isOpen, onPress } = props;
  const t = useT('room');
  return (
    <Tooltip text={t('members')} placement="bottom">
      <Button
        className={styles.members ?? ''}
        aria-label={t('memberCount', { count })}
        aria-pressed={isOpen}
        onPress={onPress}
      >
        <Users size={18} strokeWidth={1.75} aria-hidden />
        {count}
      </Button>
    </Tooltip>
  );
});
