import { ClientEvent, type MatrixEvent, type Room, RoomEvent, SyncState } from 'matrix-js-sdk';
import { readText } from './room-summary.ts';
import type { Session } from './session.ts';

/** A message that the push rules say to tell the user about. */
export interface IncomingMessage {
  roomId: string;
  eventId: string;
  roomName: string;
  isDirect: boolean;
  senderId: string;
  senderName: string;
  senderAvatarMxc: string | undefined;
  /** Undefined for what is not text. */
  text: string | undefined;
  isMention: boolean;
}

/** Calls back for each new message of somebody else that the push rules notify about. History never counts as new. */
export function watchIncomingMessages(session: Session, listener: (message: IncomingMessage) => void): () => void {
  const { client } = session;
  let isLive = client.getSyncState() === SyncState.Syncing;
  const onSync = (state: SyncState) => {
    // Everything up to the end of the first sync has been there before.
    if (state === SyncState.Syncing) isLive = true;
  };
  const onTimeline = (
    event: MatrixEvent,
    room: Room | undefined,
    toStart?: boolean,
    removed?: boolean,
    data?: { liveEvent?: boolean },
  ) => {
    if (!isLive || !room || toStart || removed || !data?.liveEvent) return;
    const eventId = event.getId();
    if (!eventId || event.getSender() === session.userId || event.isRedacted()) return;
    const actions = client.getPushActionsForEvent(event);
    if (!actions?.notify) return;
    const summary = session.rooms.get(room.roomId);
    listener({
      roomId: room.roomId,
      eventId,
      roomName: room.name,
      isDirect: summary?.kind === 'direct',
      senderId: event.getSender() ?? '',
      senderName: event.sender?.name ?? event.getSender() ?? '',
      senderAvatarMxc: event.sender?.getMxcAvatarUrl(),
      text: readText(event, 'body'),
      isMention: actions.tweaks.highlight === true,
    });
  };
  client.on(ClientEvent.Sync, onSync);
  client.on(RoomEvent.Timeline, onTimeline);
  return () => {
    client.off(ClientEvent.Sync, onSync);
    client.off(RoomEvent.Timeline, onTimeline);
  };
}
