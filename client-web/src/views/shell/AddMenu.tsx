import { Hash, MessageSquarePlus, Search } from 'lucide-react';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { Menu, MenuItem, type MenuProps } from '../ui/Menu.tsx';

/** Ways to get into a new conversation. */
export function AddMenu({ trigger, placement }: Pick<MenuProps, 'trigger' | 'placement'>) {
  const t = useT('shell');
  const { open } = useDialogs();
  return (
    <Menu trigger={trigger} label={t('add')} {...(placement ? { placement } : {})}>
      <MenuItem icon={MessageSquarePlus} onAction={() => open({ name: 'direct-message' })}>
        {t('newMessage')}
      </MenuItem>
      <MenuItem icon={Hash} onAction={() => open({ name: 'create-channel' })}>
        {t('createChannel')}
      </MenuItem>
      <MenuItem icon={Search} onAction={() => open({ name: 'find-room' })}>
        {t('findChannel')}
      </MenuItem>
    </Menu>
  );
}
