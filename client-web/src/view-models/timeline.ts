import { type DownloadOptions, downloadMedia } from '../matrix/media-download.ts';
import { loadMembers } from '../matrix/mentionables.ts';
import { markRead } from '../matrix/receipts.ts';
import { likelyServers, type RoomFacts, roomFacts, watchRoomFacts } from '../matrix/room-facts.ts';
import { discardUnsent, retrySending, sendReaction, sendRedaction } from '../matrix/send.ts';
import type { Session } from '../matrix/session.ts';
import { shareStructure } from '../matrix/structural-sharing.ts';
import { RoomTimeline } from '../matrix/timeline.ts';
import type { Person, TimelineEvent } from '../matrix/timeline-event.ts';
import { watchTyping } from '../matrix/typing.ts';
import { type Conversation, conversationOf } from './conversation.ts';
import { matrixToLink } from './matrix-link.ts';
import { quickReactions, rememberEmoji } from './recent-emoji.ts';
import { projectTimeline, reuseItems, type TimelineItem } from './timeline-items.ts';
import { ViewModel } from './view-model.ts';

export type { MediaInfo, MessageBody } from '../matrix/event-content.ts';
export type { RoomFacts } from '../matrix/room-facts.ts';
export type { Person, Reaction, ReplyQuote, ThreadSummary, TimelineEvent } from '../matrix/timeline-event.ts';

export interface TimelineOptions {
  /** Open at this event instead of the live end. */
  eventId?: string | undefined;
  /** Show the thread that starts at this event instead of the room. */
  threadId?: string | undefined;
}

export interface TimelineState {
  status: 'loading' | 'ready' | 'failed';
  items: readonly TimelineItem[];
  /** The first row is the first of the room or thread. */
  isComplete: boolean;
  /** The last row is the newest there is. */
  isAtLiveEnd: boolean;
  isLoadingOlder: boolean;
  isLoadingNewer: boolean;
  /** Loading a page failed; it is tried again when asked. */
  hasPagingFailed: boolean;
  /** Messages of others that arrived while the reader was further up. */
  newBelow: number;
  /** The row to show and mark, with a number that changes each time it is asked for. */
  focus: { key: string; request: number } | undefined;
  /** The event that was asked for is in this thread; shown there, not among the room's messages. */
  threadToOpen: { threadId: string; eventId: string } | undefined;
  /** Asks the view to go to the end; the number changes each time. */
  endRequest: number;
  typing: readonly Person[];
  room: RoomFacts;
  quickReactions: readonly string[];
}

const RECEIPT_DELAY_MS = 300;

/** The timeline of a room or of one thread: its rows, where the reader stands, and what can be done with a message. */
export class TimelineViewModel extends ViewModel<TimelineState> {
  readonly roomId: string;
  readonly threadId: string | undefined;
  readonly userId: string;
  readonly #session: Session;
  readonly #timeline: RoomTimeline;
  readonly #conversation: Conversation;
  /** The event after which the "New" line stands. */
  #newAfter: string | undefined;
  #isReading = false;
  #isAtEnd = true;
  #lastRead: string | undefined;
  #receiptTimer: ReturnType<typeof setTimeout> | undefined;
  #lastSeenKey: string | undefined;
  #requests = 0;

  constructor(session: Session, roomId: string, options: TimelineOptions) {
    const timeline = new RoomTimeline(session, { roomId, ...(options.threadId && { threadId: options.threadId }) });
    super({
      status: 'loading',
      items: [],
      isComplete: false,
      isAtLiveEnd: true,
      isLoadingOlder: false,
      isLoadingNewer: false,
      hasPagingFailed: false,
      newBelow: 0,
      focus: undefined,
      threadToOpen: undefined,
      endRequest: 0,
      typing: [],
      room: roomFacts(session, timeline.room),
      quickReactions: quickReactions(session.platform.storage),
    });
    this.roomId = roomId;
    this.threadId = options.threadId;
    this.userId = session.userId;
    this.#session = session;
    this.#timeline = timeline;
    this.#conversation = conversationOf(session, roomId, options.threadId);
    this.#newAfter = timeline.readUpTo();
    this.#listen();
    // For the names of those who have read but not written.
    void loadMembers(timeline.room);
    if (options.eventId === undefined && options.threadId === undefined) {
      // Known already: a room that was here before is drawn with its messages at once.
      timeline.showLiveEnd();
      this.set({ status: 'ready' });
    } else {
      void this.#open(options.eventId);
    }
  }

  /** Shows an event, wherever it is in the history, and marks it for a moment. */
  async showEvent(eventId: string): Promise<void> {
    const item = this.#itemOf(eventId);
    if (item) {
      this.set({ focus: { key: item.key, request: ++this.#requests } });
      return;
    }
    await this.#open(eventId);
  }

  /** Goes to the newest message. */
  async jumpToLatest(): Promise<void> {
    if (this.#timeline.canLoadNewer || this.getState().status === 'failed') await this.#open(undefined);
    this.set({ endRequest: ++this.#requests, newBelow: 0, focus: undefined });
  }

  async loadOlder(): Promise<void> {
    const state = this.getState();
    if (state.isLoadingOlder || state.isComplete || state.status !== 'ready') return;
    this.set({ isLoadingOlder: true, hasPagingFailed: false });
    try {
      await this.#timeline.loadOlder();
      this.set({ isLoadingOlder: false });
    } catch {
      this.set({ isLoadingOlder: false, hasPagingFailed: true });
    }
  }

  async loadNewer(): Promise<void> {
    const state = this.getState();
    if (state.isLoadingNewer || state.isAtLiveEnd || state.status !== 'ready') return;
    this.set({ isLoadingNewer: true, hasPagingFailed: false });
    try {
      await this.#timeline.loadNewer();
      this.set({ isLoadingNewer: false });
    } catch {
      this.set({ isLoadingNewer: false, hasPagingFailed: true });
    }
  }

  /** The view says whether its last row is in sight, and whether someone is looking (the window is visible and focused). */
  setPosition(isAtEnd: boolean, isLooking: boolean): void {
    this.#isAtEnd = isAtEnd;
    this.#timeline.isFollowing = isAtEnd && !this.#timeline.canLoadNewer;
    const isReading = isAtEnd && isLooking && this.getState().isAtLiveEnd;
    if (this.#isReading && !isReading) this.#newAfter = this.#timeline.lastEvent()?.getId() ?? this.#newAfter;
    this.#isReading = isReading;
    if (isAtEnd) {
      this.#lastSeenKey = this.getState().items.at(-1)?.key;
      this.set({ newBelow: 0 });
    }
    if (isReading) this.#scheduleReceipt();
  }

  reply(event: TimelineEvent): void {
    this.#conversation.reply(event);
  }

  edit(event: TimelineEvent): void {
    this.#conversation.edit(event);
  }

  /** Adds the reaction, or takes back one's own. Rejects when the server refuses. */
  async toggleReaction(event: TimelineEvent, key: string): Promise<void> {
    const own = event.reactions.find((reaction) => reaction.key === key)?.ownEventId;
    // The reaction is still on its way: it cannot be taken back yet, and adding it again is not what was meant.
    if (own?.startsWith('~') || event.status !== 'sent') return;
    if (own) {
      await sendRedaction(this.#session, this.#target, own);
      return;
    }
    rememberEmoji(this.#session.platform.storage, key);
    this.set({ quickReactions: quickReactions(this.#session.platform.storage) });
    await sendReaction(this.#session, this.#target, event.eventId, key);
  }

  /** Deletes a message for everyone. Rejects when the server refuses. */
  async remove(event: TimelineEvent): Promise<void> {
    await sendRedaction(this.#session, this.#target, event.eventId);
  }

  /** Tries again to send what failed. */
  retry(): void {
    void retrySending(this.#session, this.roomId);
  }

  /** Forgets a message that was not sent. */
  discard(event: TimelineEvent): void {
    discardUnsent(this.#session, this.roomId, event.eventId);
  }

  /** Loads the message a reply answers, if it is not there. */
  loadQuoted(eventId: string): void {
    void this.#timeline.loadQuoted(eventId);
  }

  /** Fetches a whole file. Rejects when the server does not give it, or with an AbortError. */
  download(mxc: string, options: DownloadOptions): Promise<Blob> {
    return downloadMedia(this.#session, mxc, options);
  }

  /** The name a user has in this room, if they are or were in it. */
  nameOf(userId: string): string | undefined {
    return this.#timeline.room.getMember(userId)?.name;
  }

  /** A link to a message that works in every Matrix client. */
  linkTo(event: TimelineEvent): string {
    return matrixToLink(this.roomId, { eventId: event.eventId, via: likelyServers(this.#timeline.room) });
  }

  /** Whether the words of a message can be changed. */
  canEdit(event: TimelineEvent): boolean {
    if (!event.isOwn || event.status !== 'sent' || event.redaction || !this.#permissions.canSend) return false;
    // Of files, the caption.
    return event.type === 'm.room.message' && event.body.kind !== 'unsupported';
  }

  canRemove(event: TimelineEvent): boolean {
    if (event.status !== 'sent' || event.redaction) return false;
    return event.isOwn ? this.#permissions.canRedact : this.#permissions.canRedactOthers;
  }

  get #permissions(): RoomFacts['permissions'] {
    return this.getState().room.permissions;
  }

  get #target(): { roomId: string; threadId: string | undefined } {
    return { roomId: this.roomId, threadId: this.threadId };
  }

  #listen(): void {
    const { room } = this.#timeline;
    this.own(() => this.#timeline.dispose());
    this.own(this.#timeline.onChange(() => this.#project()));
    this.own(watchTyping(this.#session, this.roomId, (typing) => this.set({ typing })));
    this.own(
      watchRoomFacts(room, () => {
        const before = this.getState().room;
        this.set({ room: shareStructure(before, roomFacts(this.#session, room)) });
      }),
    );
    let { sent } = this.#conversation.getState();
    this.own(
      this.#conversation.subscribe(() => {
        const now = this.#conversation.getState().sent;
        // What one sends oneself is always shown.
        if (now !== sent) void this.jumpToLatest();
        sent = now;
      }),
    );
    const findLastEditable = () => this.#timeline.events.findLast((event) => this.canEdit(event));
    this.#conversation.findLastEditable = findLastEditable;
    this.own(() => {
      if (this.#conversation.findLastEditable === findLastEditable)
        this.#conversation.findLastEditable = () => undefined;
    });
    this.own(() => clearTimeout(this.#receiptTimer));
  }

  async #open(eventId: string | undefined): Promise<void> {
    this.set({ status: this.getState().items.length > 0 ? 'ready' : 'loading' });
    try {
      await this.#timeline.load(eventId);
      const item = eventId === undefined ? undefined : this.#itemOf(eventId);
      this.set({ status: 'ready', focus: item && { key: item.key, request: ++this.#requests } });
    } catch {
      const threadId = eventId && this.threadId === undefined ? await this.#timeline.threadOf(eventId) : undefined;
      if (eventId === undefined || threadId === undefined) {
        this.set({ status: 'failed' });
        return;
      }
      this.set({ threadToOpen: { threadId, eventId } });
      await this.#open(undefined);
    }
  }

  #itemOf(eventId: string): TimelineItem | undefined {
    return this.getState().items.find(
      (item) =>
        (item.kind === 'message' && item.event.eventId === eventId) ||
        (item.kind === 'changes' && item.changes.some((change) => change.eventId === eventId)),
    );
  }

  #project(): void {
    const isComplete = !this.#timeline.canLoadOlder;
    const readUpTo = this.#newAfter && this.#timeline.listedAtOrBefore(this.#newAfter);
    const projected = projectTimeline(this.#timeline.events, {
      isComplete,
      ...(readUpTo && { readUpTo }),
      utcOffsetMinutes: (timestamp) => -new Date(timestamp).getTimezoneOffset(),
    });
    const items = reuseItems(this.getState().items, projected);
    const isAtLiveEnd = !this.#timeline.canLoadNewer;
    if (this.#isAtEnd && isAtLiveEnd) this.#lastSeenKey = items.at(-1)?.key;
    this.set({ items, isComplete, isAtLiveEnd, newBelow: this.#countBelow(items) });
    if (this.#isReading) this.#scheduleReceipt();
  }

  #countBelow(items: readonly TimelineItem[]): number {
    const seen = items.findLastIndex((item) => item.key === this.#lastSeenKey);
    if (seen < 0) return this.getState().newBelow;
    return items.slice(seen + 1).filter((item) => item.kind === 'message' && !item.event.isOwn).length;
  }

  #scheduleReceipt(): void {
    clearTimeout(this.#receiptTimer);
    this.#receiptTimer = setTimeout(() => {
      const event = this.#timeline.lastEvent();
      const eventId = event?.getId();
      if (!event || !eventId || eventId === this.#lastRead || !this.#isReading) return;
      this.#lastRead = eventId;
      markRead(this.#session, this.roomId, event, this.threadId).catch(() => {
        // Sent again with the next message or the next visit.
        this.#lastRead = undefined;
      });
    }, RECEIPT_DELAY_MS);
  }
}

export function createTimelineViewModel(
  session: Session,
  roomId: string,
  options: TimelineOptions = {},
): TimelineViewModel {
  return new TimelineViewModel(session, roomId, options);
}
