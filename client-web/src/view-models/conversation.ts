import type { Session } from '../matrix/session.ts';
import type { TimelineEvent } from '../matrix/timeline-event.ts';
import { ViewModel } from './view-model.ts';

export interface ConversationState {
  /** The message the next one answers. */
  replyTo: TimelineEvent | undefined;
  /** The own message that is being edited. */
  editing: TimelineEvent | undefined;
  /** How many messages were sent from here. */
  sent: number;
}

/**
 * What the timeline and the composer of one room or thread tell each other: what is answered, what is edited, and
 * which message "edit my last one" means.
 */
export class Conversation extends ViewModel<ConversationState> {
  /** Set by the timeline while it is shown. */
  findLastEditable: () => TimelineEvent | undefined = () => undefined;

  constructor() {
    super({ replyTo: undefined, editing: undefined, sent: 0 });
  }

  reply(event: TimelineEvent): void {
    this.set({ replyTo: event, editing: undefined });
  }

  edit(event: TimelineEvent): void {
    this.set({ editing: event, replyTo: undefined });
  }

  /** A message is about to be sent, which answers what was to be answered. */
  send(): void {
    this.set({ replyTo: undefined, sent: this.getState().sent + 1 });
  }

  /** Ends editing, or else answering. */
  cancel(): void {
    this.set(this.getState().editing ? { editing: undefined } : { replyTo: undefined });
  }
}

const conversations = new WeakMap<Session, Map<string, Conversation>>();

/** The conversation of a room or thread: one object per session, so that timeline and composer find each other. */
export function conversationOf(session: Session, roomId: string, threadId?: string): Conversation {
  const ofSession = conversations.get(session) ?? new Map<string, Conversation>();
  conversations.set(session, ofSession);
  const key = `${roomId} ${threadId ?? ''}`;
  const known = ofSession.get(key);
  if (known) return known;
  const conversation = new Conversation();
  ofSession.set(key, conversation);
  return conversation;
}
