import { useParams } from '@tanstack/react-router';
import { Plus, Search } from 'lucide-react';
import { memo, Suspense, useCallback, useRef, useState } from 'react';
import { Button } from 'react-aria-components/Button';
import { listWidthLimits } from '../../view-models/preferences.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { usePlace } from '../navigation.ts';
import { useFrame } from '../session-context.tsx';
import { AddMenu } from '../shell/AddMenu.tsx';
import { keyText } from '../shell/shortcuts.ts';
import { UserMenu } from '../shell/UserMenu.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { Splitter } from '../ui/Splitter.tsx';
import { useMediaQuery } from '../ui/use-media-query.ts';
import { useViewModel } from '../ui/use-view-model.ts';
import { NotificationOffer } from './NotificationOffer.tsx';
import styles from './RoomList.module.css';
import { RoomListEmpty } from './RoomListEmpty.tsx';
import { RoomRowMenu, type RowMenuTarget } from './RoomRowMenu.tsx';
import { RoomSectionView } from './RoomSectionView.tsx';
import { useRoomRows } from './use-room-rows.ts';

/** The middle column: where to go. On a phone it is there only at home. */
export function RoomList({ place }: { place: 'home' | 'room' | 'settings' }) {
  const t = useT('roomList');
  const frame = useFrame();
  const { sections, order, spaces, activeSpaceId } = useViewModel(frame.roomList);
  const { collapsedSections, listWidth } = useViewModel(frame.preferences);
  const { roomId: activeRoomId } = useParams({ strict: false });
  const { panel } = usePlace();
  const [menu, setMenu] = useState<RowMenuTarget>();
  const openMenu = useCallback((roomId: string, anchor: HTMLElement) => setMenu({ roomId, anchor }), []);
  const space = spaces.find((item) => item.roomId === activeSpaceId);
  // One stop for the Tab key: the room one is in, else the first.
  const tabStop = activeRoomId !== undefined && order.includes(activeRoomId) ? activeRoomId : order[0];
  const scroller = useRef<HTMLDivElement>(null);
  const isPhone = useMediaQuery('(max-width: 639px)');
  const options = { sections, collapsed: collapsedSections, activeRoomId, tabStop, isPhone };
  const { places, listProps } = useRoomRows(scroller, options);

  return (
    <nav
      className={styles.list}
      style={{ width: listWidth }}
      aria-label={t('rooms')}
      data-region
      data-place={place}
      data-beside-panel={place === 'room' && panel !== undefined}
    >
      <ListHeader title={space?.name ?? frame.serverName} />
      <div ref={scroller} className={styles.sections} {...listProps}>
        {sections.length === 0 && <RoomListEmpty isSpace={space !== undefined} />}
        {places.map((place) => (
          <RoomSectionView
            key={place.section.id}
            place={place}
            activeRoomId={activeRoomId}
            tabStop={tabStop}
            menuRoomId={menu?.roomId}
            onOpenMenu={openMenu}
          />
        ))}
      </div>
      <Suspense fallback={null}>
        <NotificationOffer />
      </Suspense>
      <Splitter
        label={t('listWidth')}
        width={listWidth}
        limits={listWidthLimits}
        side="before"
        onChange={(width) => frame.preferences.change({ listWidth: width })}
      />
      <Suspense fallback={null}>{menu && <RoomRowMenu target={menu} onClose={() => setMenu(undefined)} />}</Suspense>
    </nav>
  );
}

/** Drawn again only when its title changes, not with each room that is opened. */
const ListHeader = memo(function ListHeader({ title }: { title: string }) {
  const t = useT('roomList');
  const { open } = useDialogs();
  return (
    <>
      <header className={styles.header}>
        <span className={styles.self}>
          <UserMenu placement="bottom start" />
        </span>
        <h1 className={styles.title}>{title}</h1>
        <AddMenu trigger={<IconButton icon={Plus} label={t('add')} />} />
      </header>
      <div className={styles.search}>
        <Button className={styles.searchButton ?? ''} onPress={() => open({ name: 'switcher' })}>
          <Search size={15} strokeWidth={1.75} aria-hidden />
          <span>{t('jumpTo')}</span>
          <kbd>{keyText(['mod', 'K'])}</kbd>
        </Button>
      </div>
    </>
  );
});
