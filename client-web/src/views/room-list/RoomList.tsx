import { useParams } from '@tanstack/react-router';
import { Plus, Search } from 'lucide-react';
import { type KeyboardEvent, useCallback, useState } from 'react';
import { Button } from 'react-aria-components/Button';
import { listWidthLimits } from '../../view-models/preferences.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { AddMenu } from '../shell/AddMenu.tsx';
import { keyText } from '../shell/shortcuts.ts';
import { UserMenu } from '../shell/UserMenu.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { Splitter } from '../ui/Splitter.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import { NotificationOffer } from './NotificationOffer.tsx';
import styles from './RoomList.module.css';
import { RoomListEmpty } from './RoomListEmpty.tsx';
import { RoomRowMenu, type RowMenuTarget } from './RoomRowMenu.tsx';
import { RoomSectionView } from './RoomSectionView.tsx';

/** The middle column: where to go. On a phone it is there only at home. */
export function RoomList({ place }: { place: 'home' | 'room' | 'settings' }) {
  const t = useT('roomList');
  const session = useSession();
  const { open } = useDialogs();
  const { sections, order, spaces, activeSpaceId } = useViewModel(session.roomList);
  const { collapsedSections, listWidth } = useViewModel(session.preferences);
  const { roomId: activeRoomId } = useParams({ strict: false });
  const [menu, setMenu] = useState<RowMenuTarget>();
  const openMenu = useCallback((roomId: string, anchor: HTMLElement) => setMenu({ roomId, anchor }), []);
  const space = spaces.find((item) => item.roomId === activeSpaceId);
  // One stop for the Tab key: the room one is in, else the first.
  const tabStop = activeRoomId !== undefined && order.includes(activeRoomId) ? activeRoomId : order[0];

  return (
    <nav className={styles.list} style={{ width: listWidth }} aria-label={t('rooms')} data-region data-place={place}>
      <header className={styles.header}>
        <span className={styles.self}>
          <UserMenu placement="bottom start" />
        </span>
        <h1 className={styles.title}>{space?.name ?? session.serverName}</h1>
        <AddMenu trigger={<IconButton icon={Plus} label={t('add')} />} />
      </header>
      <div className={styles.search}>
        <Button className={styles.searchButton ?? ''} onPress={() => open({ name: 'switcher' })}>
          <Search size={15} strokeWidth={1.75} aria-hidden />
          <span>{t('jumpTo')}</span>
          <kbd>{keyText(['mod', 'K'])}</kbd>
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys move between the links in it */}
      <div className={styles.sections} onKeyDown={moveFocus}>
        {sections.length === 0 && <RoomListEmpty isSpace={space !== undefined} />}
        {sections.map((section) => (
          <RoomSectionView
            key={section.id}
            section={section}
            isCollapsed={collapsedSections.includes(section.id)}
            activeRoomId={activeRoomId}
            tabStop={tabStop}
            menuRoomId={menu?.roomId}
            onOpenMenu={openMenu}
          />
        ))}
      </div>
      <NotificationOffer />
      <Splitter
        label={t('listWidth')}
        width={listWidth}
        limits={listWidthLimits}
        side="before"
        onChange={(width) => session.preferences.change({ listWidth: width })}
      />
      {menu && <RoomRowMenu target={menu} onClose={() => setMenu(undefined)} />}
    </nav>
  );
}

/** Up and down go from room to room, over the section headings. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  if (!['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key) || event.altKey) return;
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('a[data-room]')];
  const current = links.indexOf(document.activeElement as HTMLElement);
  if (current < 0) return;
  event.preventDefault();
  const targets: Record<string, number> = {
    ArrowDown: current + 1,
    ArrowUp: current - 1,
    Home: 0,
    End: links.length - 1,
  };
  links[targets[event.key] ?? current]?.focus();
}
