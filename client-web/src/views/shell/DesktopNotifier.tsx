import { useParams } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';

/** Puts notifications into words and leads from them to the message. */
export function DesktopNotifier() {
  const t = useT('shell');
  const { notifications } = useSession();
  const { openRoom } = useNavigation();
  const { roomId } = useParams({ strict: false });
  const openRoomId = useRef(roomId);
  useEffect(() => {
    openRoomId.current = roomId;
  }, [roomId]);
  useEffect(
    () =>
      notifications.present({
        describe: (message) => ({
          title: message.isDirect
            ? message.senderName
            : t('notificationTitle', { sender: message.senderName, room: message.roomName }),
          body: message.text ?? t('notificationNoText'),
        }),
        visibleRoom: () => (document.hasFocus() ? openRoomId.current : undefined),
        openRoom: (target, eventId) => openRoom(target, { eventId }),
      }),
    [notifications, openRoom, t],
  );
  return null;
}
