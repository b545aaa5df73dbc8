import { type MatrixEvent, NotificationCountType, ReceiptType, type Room } from 'matrix-js-sdk';
import type { Session } from './session.ts';

/**
 * Tells the server that everything up to `event` has been read: a receipt for the thread the event is in (or for the
 * main timeline), and in the main timeline also the "fully read" marker. The badge goes at once, not with the next sync.
 * A room that is marked as read up to there already is left alone: coming back to it costs no requests.
 *
 * @param event the newest event of the timeline, of whatever type, because the server counts up to it
 */
export async function markRead(session: Session, roomId: string, event: MatrixEvent, threadId?: string): Promise<void> {
  const room = session.client.getRoom(roomId);
  const eventId = event.getId();
  if (!room || !eventId || eventId.startsWith('~')) return;
  if (threadId === undefined) {
    if (isMarkedRead(room, session.userId, eventId)) return;
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

function isMarkedRead(room: Room, userId: string, eventId: string): boolean {
  const marker: unknown = room.getAccountData('m.fully_read')?.getContent().event_id;
  return (
    marker === eventId &&
    // The receipt that the server knows, not the one that the SDK makes up for what one sends.
    room.getReadReceiptForUserId(userId, true, ReceiptType.Read)?.eventId === eventId &&
    room.getRoomUnreadNotificationCount(NotificationCountType.Total) === 0 &&
    room.getRoomUnreadNotificationCount(NotificationCountType.Highlight) === 0
  );
}
