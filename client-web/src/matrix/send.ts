import {
  ConnectionError,
  EventStatus,
  HTTPError,
  type MatrixEvent,
  RelationType,
  type Room,
  RoomEvent,
} from 'matrix-js-sdk';
import { field } from './event-content.ts';
import type { Session } from './session.ts';

/** Where an event is sent: a room, or one of its threads. */
export interface SendTarget {
  roomId: string;
  threadId?: string | undefined;
}

export type MessageContent = { msgtype: string; body: string; [key: string]: unknown };

/**
 * Sends a message. It is in the timeline at once as a local echo; when sending fails it stays there as "failed", so
 * nothing is rejected here.
 */
export async function sendMessage(session: Session, target: SendTarget, content: MessageContent): Promise<void> {
  try {
    await session.client.sendMessage(target.roomId, target.threadId ?? null, content as never);
  } catch {
    // The local echo shows it, with a way to try again.
  }
}

/**
 * Replaces the content of one of our own messages (client-server API, "Event replacements").
 * Rejects when the server refuses it.
 *
 * @param eventId the original event, not an earlier edit of it
 * @param before the content until now: who was mentioned in it already is not notified again
 */
export async function sendEdit(
  session: Session,
  target: SendTarget,
  eventId: string,
  content: MessageContent,
  before: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { 'm.relates_to': _, ...newContent } = content;
  const html = content.formatted_body;
  const fallback = {
    ...newContent,
    body: `* ${content.body}`,
    ...(typeof html === 'string' && { formatted_body: `* ${html}` }),
    'm.mentions': newMentions(before['m.mentions'], content['m.mentions']),
  };
  await sendInvisible(session, target, 'm.room.message', {
    ...fallback,
    'm.new_content': newContent,
    'm.relates_to': { rel_type: RelationType.Replace, event_id: eventId },
  });
}

/** The mentions of an edit that were not in the message before. */
function newMentions(before: unknown, now: unknown): Record<string, unknown> {
  const idsOf = (mentions: unknown): unknown[] => {
    const ids = field(mentions, 'user_ids');
    return Array.isArray(ids) ? ids : [];
  };
  const known = new Set(idsOf(before));
  const added = idsOf(now).filter((id) => !known.has(id));
  const isRoomNew = field(now, 'room') === true && field(before, 'room') !== true;
  return { ...(added.length > 0 && { user_ids: added }), ...(isRoomNew && { room: true }) };
}

/** Adds a reaction. Rejects when the server refuses it. */
export async function sendReaction(session: Session, target: SendTarget, eventId: string, key: string): Promise<void> {
  await sendInvisible(session, target, 'm.reaction', {
    'm.relates_to': { rel_type: RelationType.Annotation, event_id: eventId, key },
  });
}

/** Deletes an event for everyone. Rejects when the server refuses it. */
export async function sendRedaction(
  session: Session,
  target: SendTarget,
  eventId: string,
  reason?: string,
): Promise<void> {
  const { client } = session;
  const known = pendingOf(client.getRoom(target.roomId));
  try {
    await client.redactEvent(target.roomId, eventId, undefined, reason ? { reason } : undefined);
  } catch (error) {
    cancelNew(session, target.roomId, known);
    throw error;
  }
}

/**
 * Tries again to send what failed in a room, in the order in which it was written, each under its transaction id: what the
 * server has already it does not take twice. Ends at the first message that fails again.
 */
export async function retrySending(session: Session, roomId: string): Promise<void> {
  const room = session.client.getRoom(roomId);
  if (!room) return;
  dropAcknowledged(session, room);
  for (const event of room.getPendingEvents().filter(isUnsent)) {
    try {
      await session.client.resendEvent(event, room);
    } catch {
      // Nobody could see why an edit or a reaction holds up the messages behind it.
      if (!isInvisible(event) || isOutage(event.error)) return;
      session.client.cancelPendingEvent(event);
    }
  }
}

/** Sends, in all rooms, what failed for want of a connection or was left from an earlier visit. What the server refused stays. */
export async function resendAfterOutage(session: Session): Promise<void> {
  const rooms = session.client.getRooms().filter(isWaitingForConnection);
  await Promise.all(rooms.map((room) => retrySending(session, room.roomId)));
}

/** Milliseconds until what failed is tried again while the server can be reached: at first, and at most. */
const RESEND_FIRST_MS = 2000;
const RESEND_LAST_MS = 60_000;

/**
 * Sends again what failed for want of a connection though sync goes on, which then brings no news of the connection: after
 * seconds, then ever less often. Returns the function that ends it.
 */
export function resendWhileLive(session: Session): () => void {
  const { client } = session;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let delayMs = RESEND_FIRST_MS;
  let hasEnded = false;
  const schedule = (): void => {
    if (!hasEnded) timer ??= setTimeout(() => void resend(), delayMs);
  };
  const resend = async (): Promise<void> => {
    const isLive = (): boolean => session.getSyncStatus() === 'live';
    if (isLive()) await resendAfterOutage(session);
    timer = undefined;
    const isLeft = isLive() && client.getRooms().some(isWaitingForConnection);
    delayMs = isLeft ? Math.min(2 * delayMs, RESEND_LAST_MS) : RESEND_FIRST_MS;
    if (isLeft) schedule();
  };
  const onEcho = (_event: MatrixEvent, room: Room): void => {
    if (isWaitingForConnection(room)) schedule();
  };
  client.on(RoomEvent.LocalEchoUpdated, onEcho);
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    client.off(RoomEvent.LocalEchoUpdated, onEcho);
  };
}

/** Whether what is unsent in a room was not refused: it is sent when the server can be reached. */
export function isWaitingForConnection(room: Room): boolean {
  const first = room.getPendingEvents().find(isUnsent);
  return first !== undefined && isOutage(first.error);
}

const isUnsent = (event: MatrixEvent): boolean => event.status === EventStatus.NOT_SENT;

/** Whether an event shows on another one only. */
const isInvisible = (event: MatrixEvent): boolean =>
  event.isRelation(RelationType.Replace) || event.getType() !== 'm.room.message';

/** Answers of a proxy whose server is away. */
const AWAY: readonly unknown[] = [502, 503, 504];

/** What is left from an earlier visit has not failed in this one. */
function isOutage(error: Error | null | undefined): boolean {
  return !error || error instanceof ConnectionError || (error instanceof HTTPError && AWAY.includes(error.httpStatus));
}

/** Lets go of what was kept as unsent though sync has brought it: the page was left before the server's answer came. */
function dropAcknowledged(session: Session, room: Room): void {
  for (const event of room.getPendingEvents().filter(isUnsent)) {
    const thread = event.threadRootId === undefined ? null : room.getThread(event.threadRootId);
    const known = (thread?.timelineSet ?? room.getUnfilteredTimelineSet()).getLiveTimeline().getEvents();
    const txnId = event.getTxnId();
    const isHere = known.some(
      (one) => one.getUnsigned().transaction_id === txnId && one.getSender() === session.userId,
    );
    if (isHere) session.client.cancelPendingEvent(event);
  }
}

/** Forgets a message that was not sent. */
export function discardUnsent(session: Session, roomId: string, eventId: string): void {
  const event = session.client
    .getRoom(roomId)
    ?.getPendingEvents()
    .find((pending) => pending.getId() === eventId);
  if (event && event.status !== EventStatus.SENDING) session.client.cancelPendingEvent(event);
}

const pendingOf = (room: Room | null): ReadonlySet<MatrixEvent> => new Set(room?.getPendingEvents());

/** Takes back the local echoes that were added since `known` and failed. */
function cancelNew(session: Session, roomId: string, known: ReadonlySet<MatrixEvent>): void {
  for (const event of [...pendingOf(session.client.getRoom(roomId))]) {
    if (!known.has(event) && event.status === EventStatus.NOT_SENT && event.getType() !== 'm.room.message') {
      session.client.cancelPendingEvent(event);
    }
  }
}

/** Sends an event that shows only on another one. When it fails its local echo is taken back and the call rejects. */
async function sendInvisible(
  session: Session,
  target: SendTarget,
  type: string,
  content: Record<string, unknown>,
): Promise<void> {
  const room = session.client.getRoom(target.roomId);
  const txnId = session.client.makeTxnId();
  try {
    await session.client.sendEvent(target.roomId, target.threadId ?? null, type as never, content as never, txnId);
  } catch (error) {
    const echo = room?.getPendingEvents().find((event) => event.getTxnId() === txnId);
    if (echo?.status === EventStatus.NOT_SENT) session.client.cancelPendingEvent(echo);
    throw error;
  }
}
