import { Keyboard, LogOut, Monitor, Moon, Settings, Sun } from 'lucide-react';
import { useState } from 'react';
import { Button } from 'react-aria-components/Button';
import { chooseTheme, readTheme } from '../../platform/theme.ts';
import { useApp } from '../app-context.tsx';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useFrame } from '../session-context.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Menu, MenuItem, type MenuProps, MenuSection, MenuSeparator } from '../ui/Menu.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './UserMenu.module.css';

const themes = [
  { id: 'system', icon: Monitor },
  { id: 'light', icon: Sun },
  { id: 'dark', icon: Moon },
] as const;

/** Oneself: the picture that opens settings and the way out. */
export function UserMenu({ placement }: Pick<MenuProps, 'placement'>) {
  const t = useT('shell');
  const app = useApp();
  const { profile, sync } = useViewModel(useFrame());
  const { openSettings } = useNavigation();
  const { open } = useDialogs();
  const { storage } = app.platform;
  const [theme, setTheme] = useState(() => readTheme(storage));
  return (
    <Menu
      label={t('you')}
      {...(placement ? { placement } : {})}
      onOpenChange={() => setTheme(readTheme(storage))}
      trigger={
        <Button className={styles.trigger ?? ''} aria-label={t('youMenu', { name: profile.name })}>
          <Avatar
            id={profile.userId}
            name={profile.name}
            mxc={profile.avatarMxc}
            size={36}
            presence={sync === 'live' ? 'online' : 'offline'}
          />
        </Button>
      }
    >
      <MenuSection title={profile.name === profile.userId ? profile.userId : `${profile.name} · ${profile.userId}`}>
        <MenuItem icon={Settings} onAction={() => openSettings()}>
          {t('settings')}
        </MenuItem>
        <MenuItem icon={Keyboard} shortcut="?" onAction={() => open({ name: 'shortcuts' })}>
          {t('shortcuts')}
        </MenuItem>
      </MenuSection>
      <MenuSeparator />
      <MenuSection title={t('theme')}>
        {themes.map(({ id, icon }) => (
          <MenuItem
            key={id}
            icon={icon}
            isChosen={id === theme}
            onAction={() => {
              chooseTheme(window, storage, id);
              setTheme(id);
            }}
          >
            {t(`theme_${id}`)}
          </MenuItem>
        ))}
      </MenuSection>
      <MenuSeparator />
      <MenuItem icon={LogOut} onAction={() => void app.signOut()}>
        {t('signOut')}
      </MenuItem>
    </Menu>
  );
}
