import { type MatrixEvent, NotificationCountType, ReceiptType } from 'matrix-js-sdk';
import type { Session } from './session.ts';

/**
 * Tells the server that everything up to `event` has been read: a receipt for the thread the event is in (or for the
 * main timeline), and in the main timeline also the "fully read" marker. The badge goes at once, not with the next sync.
 *
 * @param event the newest event of the timeline, of whatever type, because the server counts up to it
 */
export async function markRead(session: Session, roomId: string, event: MatrixEvent, threadId?: string): Promise<void> {
  const room = session.client.getRoom(roomId);
  const eventId = event.getId();
  if (!room || !eventId || eventId.startsWith('~')) return;
  if (threadId === undefined) {
    room.setUnreadNotificationCount(NotificationCountType.Total, 0);
    room.setUnreadNotificationCount(NotificationCountType.Highlight, 0);
    await Promise.all([
      session.client.sendReadReceipt(event, ReceiptType.Read),
      session.client.setRoomReadMarkers(roomId, eventId),
    ]);
  } else {
    room.setThreadUnreadNotificationCount(threadId, NotificationCountType.Total, 0);
    room.setThreadUnreadNotificationCount(threadId, NotificationCountType.Highlight, 0);
    await session.client.sendReadReceipt(event, ReceiptType.Read);
  }
}
