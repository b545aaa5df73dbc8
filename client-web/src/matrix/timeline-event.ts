import type { MessageBody } from './event-content.ts';

/** Someone as the timeline shows them. `name` is disambiguated within the room (client-server API, display names). */
export interface Person {
  id: string;
  name: string;
  avatarMxc?: string;
}

/** All reactions with the same key on one event. */
export interface Reaction {
  /** What was reacted with: an emoji or any short text. */
  key: string;
  people: readonly Person[];
  /** The event to redact to take back one's own reaction. */
  ownEventId?: string;
}

/** What is known of the thread that starts at an event. */
export interface ThreadSummary {
  id: string;
  replyCount: number;
  lastReply?: { sender: Person; text: string; timestamp: number };
  isUnread: boolean;
}

/** What a reply answers. Only the id is known until the event is loaded. */
export interface ReplyQuote {
  eventId: string;
  sender?: Person;
  body?: MessageBody;
  isRedacted?: boolean;
}

/** `waiting`: for the connection. `failed`: the server refused it. */
export type SendStatus = 'sent' | 'sending' | 'waiting' | 'failed';

/**
 * One event of a room as plain data, with what other events say about it (edits, redaction, reactions, receipts)
 * folded in. Objects are immutable and equal in identity while nothing about the event changed.
 */
export interface TimelineEvent {
  /** Stays the same when a local echo becomes the event that the server sent back. */
  key: string;
  /** The event id, or a local id starting with `~` while it is being sent. */
  eventId: string;
  type: string;
  stateKey?: string;
  sender: Person;
  /** Milliseconds since the epoch, by the sender's server. */
  timestamp: number;
  /** Current content, with the newest valid edit applied; empty when redacted. */
  content: Readonly<Record<string, unknown>>;
  /** `unsigned.prev_content` of a state event. */
  previousContent?: Readonly<Record<string, unknown>>;
  /** The person a membership event is about. */
  target?: Person;
  body: MessageBody;
  status: SendStatus;
  isOwn: boolean;
  isEdited: boolean;
  redaction?: { by?: Person; reason?: string };
  replyTo?: ReplyQuote;
  reactions: readonly Reaction[];
  /** Who has read up to here, newest first, without oneself and the sender. */
  readers: readonly Person[];
  /** Whether push rules highlight this event for us. */
  isHighlighted: boolean;
  thread?: ThreadSummary;
}
