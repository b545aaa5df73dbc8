import { useParams } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useT } from '../i18n.tsx';
import { useFrame } from '../session-context.tsx';
import { useViewModel } from '../ui/use-view-model.ts';

const icons = { none: '/favicon.svg', unread: '/favicon-unread.svg', mention: '/favicon-mention.svg' } as const;

/** The tab's title and icon say where one is and whether there is news. */
export function PageTitle() {
  const t = useT('shell');
  const { rooms, roomList } = useFrame();
  const { mentions, hasUnread } = useViewModel(roomList);
  const { roomId = '' } = useParams({ strict: false });
  const roomName = rooms.get(roomId)?.name;
  const name = roomName === undefined ? 'Parley' : t('titleRoom', { name: roomName });
  const count = mentions > 0 ? `(${mentions > 99 ? '99+' : mentions}) ` : hasUnread ? '• ' : '';
  useEffect(() => {
    document.title = count + name;
  }, [count, name]);
  const icon = icons[mentions > 0 ? 'mention' : hasUnread ? 'unread' : 'none'];
  useEffect(() => {
    document.querySelector('link[rel="icon"]')?.setAttribute('href', icon);
  }, [icon]);
  return null;
}
