import {
  EventStatus,
  type EventTimelineSet,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  RelationType,
  type Room,
  type RoomMember,
} from 'matrix-js-sdk';
import { previewText, readBody, replyTarget, textField } from './event-content.ts';
import { isWaitingForConnection } from './send.ts';
import type { Person, Reaction, ReplyQuote, SendStatus, ThreadSummary, TimelineEvent } from './timeline-event.ts';

/** What the projection of an event depends on besides the event itself. */
export interface ProjectionContext {
  client: MatrixClient;
  userId: string;
  room: Room;
  timelineSet: EventTimelineSet;
  /** Looks up the event a reply answers; undefined while it is not known. */
  findQuoted: (eventId: string) => MatrixEvent | undefined;
}

const MAX_REACTION_KEY = 64;
const NO_PEOPLE: readonly Person[] = [];
const NO_REACTIONS: readonly Reaction[] = [];

/** A room member as a person; without a member event the id is the name. */
export function personOf(member: RoomMember | null | undefined, userId: string): Person {
  const person: Person = { id: userId, name: member?.name || userId };
  const avatarMxc = member?.getMxcAvatarUrl();
  if (avatarMxc) person.avatarMxc = avatarMxc;
  return person;
}

export function memberOf(room: Room, userId: string): Person {
  return personOf(room.getMember(userId), userId);
}

function statusOf(event: MatrixEvent, room: Room): SendStatus {
  if (event.status === EventStatus.NOT_SENT) return isWaitingForConnection(room) ? 'waiting' : 'failed';
  return event.status === null || event.status === EventStatus.SENT ? 'sent' : 'sending';
}

/**
 * The newest edit that counts: by the original's sender and of its type. A server could bundle any other event as a
 * replacement (A9.4).
 */
function validEdit(event: MatrixEvent): MatrixEvent | undefined {
  const edit = event.replacingEvent();
  return edit && edit.getSender() === event.getSender() && edit.getType() === event.getType() && !event.isState()
    ? edit
    : undefined;
}

function currentContent(event: MatrixEvent): Readonly<Record<string, unknown>> {
  return validEdit(event) ? event.getContent() : event.getOriginalContent();
}

interface ReactionGroup {
  people: Map<string, Person>;
  ownEventId?: string;
}

function reactionsOf(event: MatrixEvent, context: ProjectionContext): readonly Reaction[] {
  const eventId = event.getId();
  const relations =
    eventId && context.timelineSet.relations?.getChildEventsForEvent(eventId, RelationType.Annotation, 'm.reaction');
  if (!relations) return NO_REACTIONS;
  const byKey = new Map<string, ReactionGroup>();
  for (const reaction of relations.getRelations()) {
    const key = textField(reaction.getRelation(), 'key');
    const sender = reaction.getSender();
    if (!key || !sender || reaction.isRedacted() || reaction.status === EventStatus.CANCELLED) continue;
    if (key.length > MAX_REACTION_KEY) continue;
    const group: ReactionGroup = byKey.get(key) ?? { people: new Map() };
    byKey.set(key, group);
    // One person counts once per key, however often the server let them react.
    group.people.set(sender, memberOf(context.room, sender));
    if (sender === context.userId) group.ownEventId = reaction.getId() ?? '';
  }
  if (byKey.size === 0) return NO_REACTIONS;
  return [...byKey].map(([key, { people, ownEventId }]) => ({
    key,
    people: [...people.values()],
    ...(ownEventId && { ownEventId }),
  }));
}

function quoteOf(event: MatrixEvent, context: ProjectionContext): ReplyQuote | undefined {
  const eventId = replyTarget(event.getOriginalContent());
  if (eventId === undefined) return undefined;
  const quoted = context.findQuoted(eventId);
  const senderId = quoted?.getSender();
  if (!quoted || !senderId) return { eventId };
  return {
    eventId,
    sender: personOf(quoted.sender ?? context.room.getMember(senderId), senderId),
    body: readBody(quoted.getType(), currentContent(quoted)),
    isRedacted: quoted.isRedacted(),
  };
}

function threadOf(event: MatrixEvent, context: ProjectionContext): ThreadSummary | undefined {
  const thread = event.getThread();
  if (!thread || thread.id !== event.getId() || thread.length === 0) return undefined;
  const summary: ThreadSummary = {
    id: thread.id,
    replyCount: thread.length,
    isUnread: context.room.getThreadUnreadNotificationCount(thread.id, NotificationCountType.Total) > 0,
  };
  const last = thread.replyToEvent;
  const senderId = last?.getSender();
  if (last && senderId && last.getId() !== thread.id) {
    summary.lastReply = {
      sender: personOf(last.sender ?? context.room.getMember(senderId), senderId),
      text: previewText(readBody(last.getType(), currentContent(last))),
      timestamp: last.getTs(),
    };
  }
  return summary;
}

function redactionOf(event: MatrixEvent, context: ProjectionContext): TimelineEvent['redaction'] {
  if (!event.isRedacted()) return undefined;
  const because = event.getUnsigned().redacted_because;
  const by = because?.sender;
  const reason = textField(because?.content, 'reason')?.slice(0, 500);
  return { ...(by && { by: memberOf(context.room, by) }), ...(reason && { reason }) };
}

/**
 * Projects an event of the SDK to plain data.
 *
 * @param readers who has read up to this event, newest first
 */
export function projectEvent(
  event: MatrixEvent,
  context: ProjectionContext,
  readers: readonly Person[] = NO_PEOPLE,
): TimelineEvent {
  const senderId = event.getSender() ?? '';
  const eventId = event.getId() ?? '';
  const content = event.isRedacted() ? {} : currentContent(event);
  const isOwn = senderId === context.userId;
  const projected: TimelineEvent = {
    key: event.getTxnId() ?? eventId,
    eventId,
    type: event.getType(),
    sender: personOf(event.sender ?? context.room.getMember(senderId), senderId),
    timestamp: event.getTs(),
    content,
    body: readBody(event.getType(), content),
    status: statusOf(event, context.room),
    isOwn,
    isEdited: !event.isRedacted() && validEdit(event) !== undefined,
    reactions: event.isRedacted() ? NO_REACTIONS : reactionsOf(event, context),
    readers,
    isHighlighted: !isOwn && !event.isState() && isHighlighted(event, context.client),
  };
  return Object.assign(projected, event.isState() ? statePart(event) : messagePart(event, context));
}

function isHighlighted(event: MatrixEvent, client: MatrixClient): boolean {
  return client.getPushActionsForEvent(event)?.tweaks?.highlight === true;
}

function statePart(event: MatrixEvent): Partial<TimelineEvent> {
  const stateKey = event.getStateKey() ?? '';
  const previousContent = event.getUnsigned().prev_content;
  return {
    stateKey,
    ...(previousContent && { previousContent }),
    ...(event.getType() === 'm.room.member' && { target: personOf(event.target, stateKey) }),
  };
}

function messagePart(event: MatrixEvent, context: ProjectionContext): Partial<TimelineEvent> {
  const redaction = redactionOf(event, context);
  const replyTo = redaction ? undefined : quoteOf(event, context);
  const thread = threadOf(event, context);
  return { ...(redaction && { redaction }), ...(replyTo && { replyTo }), ...(thread && { thread }) };
}
