import {
  Direction,
  type EventStatus,
  type EventTimelineSet,
  type IRoomTimelineData,
  type MatrixEvent,
  MatrixEventEvent,
  RelationType,
  type Room,
  RoomEvent,
  RoomStateEvent,
  ThreadEvent,
  TimelineWindow,
} from 'matrix-js-sdk';
import { field, textField } from './event-content.ts';
import { memberOf, type ProjectionContext, projectEvent } from './event-projection.ts';
import type { Session } from './session.ts';
import { shareStructure } from './structural-sharing.ts';
import { fetchThread } from './thread.ts';
import type { Person, TimelineEvent } from './timeline-event.ts';

/** How many events a timeline holds at most; beyond it the end that is farther from the reader is let go. */
const WINDOW_LIMIT = 800;
const INITIAL_SIZE = 60;
const CONTEXT_SIZE = 30;
export const PAGE_SIZE = 50;
const MAX_QUOTES = 200;

export interface TimelineTarget {
  roomId: string;
  /** The root of a thread, to show the thread instead of the room. */
  threadId?: string;
}

/**
 * A window onto the events of one room or thread, as plain data that updates itself. It can stand anywhere in the
 * history, grows at both ends, and follows the live end while `isFollowing` is set.
 */
export class RoomTimeline {
  readonly room: Room;
  readonly #session: Session;
  readonly #threadId: string | undefined;
  readonly #projected = new WeakMap<MatrixEvent, TimelineEvent>();
  readonly #quoted = new Map<string, MatrixEvent | undefined>();
  readonly #listeners = new Set<() => void>();
  readonly #cleanUps: (() => void)[] = [];
  #timelineSet: EventTimelineSet;
  #window: TimelineWindow;
  #releaseWindow: () => void = () => undefined;
  #events: readonly TimelineEvent[] = [];
  #isScheduled = false;
  #isDisposed = false;
  /** Whether the reader is at the live end, so that new events may push out old ones. */
  isFollowing = true;

  /** Throws when the room is not one the user is in, or was. */
  constructor(session: Session, target: TimelineTarget) {
    const room = session.client.getRoom(target.roomId);
    if (!room) throw new Error(`No room ${target.roomId} in this session`);
    this.#session = session;
    this.room = room;
    this.#threadId = target.threadId;
    this.#timelineSet = this.#findTimelineSet();
    this.#window = this.#openWindow();
    this.#listen();
  }

  get events(): readonly TimelineEvent[] {
    return this.#events;
  }

  get canLoadOlder(): boolean {
    // The server gives a token for going on even where there is nothing before.
    return this.#events[0]?.type !== 'm.room.create' && this.#window.canPaginate(Direction.Backward);
  }

  /** False at the live end. */
  get canLoadNewer(): boolean {
    return this.#window.canPaginate(Direction.Forward);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Moves the window to the live end, or to where `eventId` is.
   * Rejects when the server does not know the event or does not let us see it.
   */
  async load(eventId?: string): Promise<void> {
    const { thread } = this.#timelineSet;
    if (thread) await fetchThread(thread);
    if (eventId === undefined) {
      this.showLiveEnd();
      return;
    }
    this.#releaseWindow();
    this.#window = this.#openWindow();
    await this.#window.load(eventId, INITIAL_SIZE);
    // Only the event itself is known so far; what surrounds it is shown with it, not after it.
    await this.#window.paginate(Direction.Backward, CONTEXT_SIZE);
    await this.#window.paginate(Direction.Forward, CONTEXT_SIZE);
    this.#rebuild();
  }

  /** Moves the window to what is known of the live end, at once. */
  showLiveEnd(): void {
    this.#releaseWindow();
    this.#window = this.#openWindow();
    // For the live end the SDK has done all before it answers, so there is nothing to wait for.
    void this.#window.load(undefined, INITIAL_SIZE);
    this.#rebuild();
  }

  /** Adds a page of older events on top. Resolves to whether anything was added. */
  async loadOlder(): Promise<boolean> {
    const added = await this.#window.paginate(Direction.Backward, PAGE_SIZE);
    this.#rebuild();
    return added;
  }

  /** Adds a page of newer events at the bottom. Resolves to whether anything was added. */
  async loadNewer(): Promise<boolean> {
    const added = await this.#window.paginate(Direction.Forward, PAGE_SIZE);
    this.#rebuild();
    return added;
  }

  /** The SDK's event, for actions in `matrix/`. */
  findEvent(eventId: string): MatrixEvent | undefined {
    return (
      this.room.findEventById(eventId) ??
      this.room.getPendingEvents().find((event) => event.getId() === eventId) ??
      this.#quoted.get(eventId)
    );
  }

  /** Fetches an event that a reply answers and that is not loaded. It then appears in the reply's quote. */
  async loadQuoted(eventId: string): Promise<void> {
    if (this.#quoted.has(eventId) || this.#quoted.size >= MAX_QUOTES || this.findEvent(eventId)) return;
    this.#quoted.set(eventId, undefined);
    try {
      const raw = await this.#session.client.fetchRoomEvent(this.room.roomId, eventId);
      this.#quoted.set(eventId, this.#session.client.getEventMapper()({ ...raw, room_id: this.room.roomId }));
      this.#schedule();
    } catch {
      // Not visible to us, or gone: the quote stays a bare link.
    }
  }

  /** The thread an event is in, if it is in one and may be seen. */
  async threadOf(eventId: string): Promise<string | undefined> {
    const known = this.room.findEventById(eventId);
    if (known) return known.threadRootId;
    try {
      const { content } = await this.#session.client.fetchRoomEvent(this.room.roomId, eventId);
      const relation = field(content, 'm.relates_to');
      return field(relation, 'rel_type') === 'm.thread' ? textField(relation, 'event_id') : undefined;
    } catch {
      // Not visible to us, or not there.
      return undefined;
    }
  }

  /** Where the user had read up to: the event of the read receipt, or of the "fully read" marker. */
  readUpTo(): string | undefined {
    const userId = this.#session.userId;
    const thread = this.#threadId === undefined ? undefined : this.room.getThread(this.#threadId);
    if (thread) return thread.getEventReadUpTo(userId) ?? undefined;
    const marker: unknown = this.room.getAccountData('m.fully_read')?.getContent().event_id;
    return this.room.getEventReadUpTo(userId) ?? (typeof marker === 'string' ? marker : undefined);
  }

  /** The event itself if it is listed, else the listed one before it; undefined when it is not loaded. */
  listedAtOrBefore(eventId: string): string | undefined {
    const loaded = this.#window.getEvents();
    const index = loaded.findIndex((event) => event.getId() === eventId);
    return index < 0
      ? undefined
      : loaded
          .slice(0, index + 1)
          .findLast(isListed)
          ?.getId();
  }

  /** The newest event that a receipt can be sent for; reactions and edits count, local echoes do not. */
  lastEvent(): MatrixEvent | undefined {
    return this.#timelineSet.getLiveTimeline().getEvents().at(-1);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#releaseWindow();
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp();
    this.#listeners.clear();
  }

  #findTimelineSet(): EventTimelineSet {
    const id = this.#threadId;
    if (id === undefined) return this.room.getUnfilteredTimelineSet();
    const thread = this.room.getThread(id) ?? this.room.createThread(id, this.room.findEventById(id), [], true);
    const update = (): void => {
      this.#window.extend(Direction.Backward, PAGE_SIZE);
      this.#window.extend(Direction.Forward, PAGE_SIZE);
      this.#schedule();
    };
    thread.on(ThreadEvent.Update, update);
    this.#cleanUps.push(() => thread.off(ThreadEvent.Update, update));
    return thread.timelineSet;
  }

  /** The SDK's window adds a listener to the room that it never removes; this finds it, to remove it when done. */
  #openWindow(): TimelineWindow {
    const before = new Set(this.room.listeners(RoomEvent.Timeline));
    const window = new TimelineWindow(this.#session.client, this.#timelineSet, { windowLimit: WINDOW_LIMIT });
    const added = this.room.listeners(RoomEvent.Timeline).filter((listener) => !before.has(listener));
    this.#releaseWindow = () => {
      for (const listener of added) this.room.off(RoomEvent.Timeline, listener as never);
    };
    return window;
  }

  #listen(): void {
    const { client } = this.#session;
    const schedule = (): void => this.#schedule();
    const onTimeline = (...args: [MatrixEvent, Room | undefined, boolean | undefined, boolean, IRoomTimelineData]) =>
      this.#onTimeline(args[4]);
    const onReset = (_room: Room | undefined, set: EventTimelineSet): void => {
      if (set === this.#timelineSet && this.isFollowing) void this.load();
    };
    const onReplaced = (event: MatrixEvent): void => {
      if (event.getRoomId() === this.room.roomId) this.#schedule();
    };
    // What one writes oneself is there with the key that sent it.
    const onEcho = (_event: MatrixEvent, _room: Room, _oldEventId?: string, before?: EventStatus | null): void =>
      before ? this.#schedule() : this.#rebuild();
    this.room.on(RoomEvent.LocalEchoUpdated, onEcho);
    const events = [RoomEvent.Redaction, RoomEvent.RedactionCancelled, RoomEvent.Receipt];
    for (const name of events) this.room.on(name as RoomEvent.Receipt, schedule);
    this.room.on(RoomEvent.Timeline, onTimeline);
    this.room.on(RoomEvent.TimelineReset, onReset);
    this.room.on(ThreadEvent.Update, schedule);
    this.room.on(ThreadEvent.New, schedule);
    this.room.on(RoomEvent.UnreadNotifications, schedule);
    // Names and pictures of members who were not known before.
    this.room.on(RoomStateEvent.Update, schedule);
    client.on(MatrixEventEvent.Replaced, onReplaced);
    this.#cleanUps.push(() => {
      this.room.off(RoomEvent.LocalEchoUpdated, onEcho);
      for (const name of events) this.room.off(name as RoomEvent.Receipt, schedule);
      this.room.off(RoomEvent.Timeline, onTimeline);
      this.room.off(RoomEvent.TimelineReset, onReset);
      this.room.off(ThreadEvent.Update, schedule);
      this.room.off(ThreadEvent.New, schedule);
      this.room.off(RoomEvent.UnreadNotifications, schedule);
      this.room.off(RoomStateEvent.Update, schedule);
      client.off(MatrixEventEvent.Replaced, onReplaced);
    });
  }

  #onTimeline(data: IRoomTimelineData): void {
    if (data.timeline.getTimelineSet() !== this.#timelineSet) {
      // A reply in a thread changes the thread's summary under its root.
      this.#schedule();
      return;
    }
    const hasRoom = this.#window.getEvents().length < WINDOW_LIMIT - PAGE_SIZE;
    if (data.liveEvent && (this.isFollowing || hasRoom)) this.#window.extend(Direction.Forward, PAGE_SIZE);
    this.#schedule();
  }

  /** A sync brings many events at once: the list is made once, after them. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#rebuild();
    }, 0);
  }

  #rebuild(): void {
    if (this.#isDisposed) return;
    const loaded = this.#window.getEvents();
    const shown = this.canLoadNewer ? loaded : [...loaded, ...this.#pendingEvents()];
    const readers = this.#readersByEvent(shown);
    const context: ProjectionContext = {
      client: this.#session.client,
      userId: this.#session.userId,
      room: this.room,
      timelineSet: this.#timelineSet,
      findQuoted: (eventId) => this.findEvent(eventId),
    };
    const projected = shown.filter(isListed).map((event) => {
      const next = shareStructure(this.#projected.get(event), projectEvent(event, context, readers.get(event)));
      this.#projected.set(event, next);
      return next;
    });
    const isSame =
      projected.length === this.#events.length && projected.every((event, index) => event === this.#events[index]);
    if (!isSame) this.#events = projected;
    for (const listener of [...this.#listeners]) listener();
  }

  #pendingEvents(): MatrixEvent[] {
    return this.room.getPendingEvents().filter((event) => event.threadRootId === this.#threadId);
  }

  /** A receipt may point at an event that is not listed (a reaction, say); it then shows at the listed one before. */
  #readersByEvent(events: readonly MatrixEvent[]): Map<MatrixEvent, Person[]> {
    const source = this.#timelineSet.thread ?? this.room;
    const readers = new Map<MatrixEvent, Person[]>();
    const seen = new Set<string>([this.#session.userId]);
    let people: Person[] = [];
    for (const event of events.toReversed()) {
      const receipts = source.getReceiptsForEvent(event).toSorted((a, b) => b.data.ts - a.data.ts);
      for (const receipt of receipts) {
        if (seen.has(receipt.userId) || receipt.type === 'm.read.private') continue;
        seen.add(receipt.userId);
        people.push(memberOf(this.room, receipt.userId));
      }
      if (people.length === 0 || !isListed(event)) continue;
      const sender = event.getSender();
      const shown = people.filter((person) => person.id !== sender);
      if (shown.length > 0) readers.set(event, shown);
      people = [];
    }
    return readers;
  }
}

/** Edits and reactions show on the event they are about. */
function isListed(event: MatrixEvent): boolean {
  return (
    !event.isRelation(RelationType.Replace) &&
    event.getType() !== 'm.reaction' &&
    event.getType() !== 'm.room.redaction'
  );
}
