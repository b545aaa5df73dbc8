import {
  ArrowDownToLine,
  AtSign,
  Bell,
  BellOff,
  CheckCheck,
  Link2,
  LogOut,
  Settings,
  Star,
  UserPlus,
} from 'lucide-react';
import { matrixToLink } from '../../view-models/matrix-link.ts';
import type { NotificationLevel, RoomViewModel } from '../../view-models/room.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { MenuItem, MenuSection, MenuSeparator } from '../ui/Menu.tsx';
import { useToast } from '../ui/Toast.tsx';
import { useViewModel } from '../ui/use-view-model.ts';

const levels: readonly { id: NotificationLevel; icon: typeof Bell }[] = [
  { id: 'all', icon: Bell },
  { id: 'mentions', icon: AtSign },
  { id: 'mute', icon: BellOff },
];

/** What can be done to a room as a whole: in the list and in the header. */
export function RoomMenuItems({ roomId, viewModel }: { roomId: string; viewModel: RoomViewModel }) {
  const t = useT('room');
  const { summary, permissions } = useViewModel(viewModel);
  const { open } = useDialogs();
  const { openRoomPanel } = useNavigation();
  const toast = useToast();
  if (!summary) return null;
  const copyLink = async () => {
    await navigator.clipboard.writeText(matrixToLink(summary.canonicalAlias ?? roomId));
    toast(t('linkCopied'), { tone: 'success' });
  };
  return (
    <>
      {summary.unread.level !== 'none' && (
        <MenuItem icon={CheckCheck} onAction={() => void viewModel.markRead()}>
          {t('markRead')}
        </MenuItem>
      )}
      <MenuItem icon={Star} onAction={() => void viewModel.toggleFavourite()}>
        {t(summary.isFavourite ? 'removeFavourite' : 'addFavourite')}
      </MenuItem>
      <MenuItem icon={ArrowDownToLine} onAction={() => void viewModel.toggleLowPriority()}>
        {t(summary.isLowPriority ? 'removeLowPriority' : 'addLowPriority')}
      </MenuItem>
      <MenuSeparator />
      <MenuSection title={t('notifications')}>
        {levels.map(({ id, icon }) => (
          <MenuItem
            key={id}
            icon={icon}
            isChosen={summary.notificationLevel === id}
            onAction={() => void viewModel.setNotificationLevel(id)}
          >
            {t(`level_${id}`)}
          </MenuItem>
        ))}
      </MenuSection>
      <MenuSeparator />
      {permissions.invite && (
        <MenuItem icon={UserPlus} onAction={() => open({ name: 'invite', roomId })}>
          {t('invite')}
        </MenuItem>
      )}
      <MenuItem icon={Link2} onAction={() => void copyLink()}>
        {t('copyLink')}
      </MenuItem>
      <MenuItem icon={Settings} onAction={() => openRoomPanel(roomId, 'settings')}>
        {t(summary.kind === 'direct' ? 'details' : 'settings')}
      </MenuItem>
      <MenuItem icon={LogOut} danger onAction={() => open({ name: 'leave', roomId })}>
        {t('leave')}
      </MenuItem>
    </>
  );
}
