import type { TimelineEvent } from '../matrix/timeline-event.ts';
import { type ChangePhrase, foldChanges, type StateChange, stateChangeOf } from './state-change.ts';

/** One row of the timeline. `key` is unique in the list and stays with the row while history is added around it. */
export type TimelineItem =
  | { kind: 'day'; key: string; timestamp: number }
  | { kind: 'new'; key: string }
  | MessageItem
  | ChangesItem;

export interface MessageItem {
  kind: 'message';
  key: string;
  event: TimelineEvent;
  /** Whether the row begins a group and shows avatar and name. */
  startsGroup: boolean;
}

export interface ChangesItem {
  kind: 'changes';
  key: string;
  timestamp: number;
  phrases: readonly ChangePhrase[];
  changes: readonly StateChange[];
}

export interface ProjectionOptions {
  /** Whether the first event given is the first of the room (or thread). */
  isComplete: boolean;
  /** The event after which the "New" line stands. */
  readUpTo?: string;
  /** Minutes east of UTC at a moment, for the borders between days. */
  utcOffsetMinutes: (timestamp: number) => number;
}

const GROUP_SPAN_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

const HIDDEN_TYPES: ReadonlySet<string> = new Set(['m.reaction', 'm.room.redaction']);

/** Number of the local day a moment falls on. */
export function localDay(timestamp: number, utcOffsetMinutes: (timestamp: number) => number): number {
  return Math.floor((timestamp + utcOffsetMinutes(timestamp) * 60_000) / DAY_MS);
}

function isMessage(event: TimelineEvent): boolean {
  if (event.stateKey !== undefined || HIDDEN_TYPES.has(event.type)) return false;
  if (event.body.kind !== 'unsupported') return true;
  // Types we do not know are shown only when they bring words that a person wrote, or were a message once.
  return event.type === 'm.room.message' || event.body.text !== undefined;
}

/** How many events at the start merely set the room up: the creator's own state, told by the start-of-room block. */
function setUpLength(events: readonly TimelineEvent[]): number {
  const creator = events[0]?.type === 'm.room.create' ? events[0].sender.id : undefined;
  if (creator === undefined) return 0;
  const end = events.findIndex(
    (event) =>
      event.stateKey === undefined ||
      event.sender.id !== creator ||
      (event.type === 'm.room.member' && event.stateKey !== creator),
  );
  return end < 0 ? events.length : end;
}

interface Walk {
  items: TimelineItem[];
  pendingChanges: StateChange[];
  previousDay?: number;
  /** Where the walk stands to the line above the first unread message. */
  newLine: 'before' | 'due' | 'drawn';
}

function flushChanges(walk: Walk): void {
  const last = walk.pendingChanges.at(-1);
  const first = walk.pendingChanges[0];
  if (!first || !last) return;
  walk.items.push({
    kind: 'changes',
    // By its last event: history that is added above extends the run without making it another row.
    key: `changes:${last.eventId}`,
    timestamp: first.timestamp,
    phrases: foldChanges(walk.pendingChanges),
    changes: walk.pendingChanges,
  });
  walk.pendingChanges = [];
}

function startsGroup(event: TimelineEvent, previous: TimelineItem | undefined): boolean {
  if (previous?.kind !== 'message') return true;
  const before = previous.event;
  return (
    before.sender.id !== event.sender.id ||
    before.sender.name !== event.sender.name ||
    Math.abs(event.timestamp - before.timestamp) > GROUP_SPAN_MS
  );
}

/**
 * Turns a room's events, oldest first, into the rows of its timeline: messages in groups, state changes folded,
 * a line where a new day begins and one where the unread messages begin.
 *
 * Rows depend only on their neighbour above. While older history is still to come, the first message is held back,
 * because its heading and the day line above it are not known yet; so no row ever changes its height when a page of
 * history is put on top, which is what keeps the reader's place steady.
 */
export function projectTimeline(events: readonly TimelineEvent[], options: ProjectionOptions): TimelineItem[] {
  const walk: Walk = { items: [], pendingChanges: [], newLine: 'before' };
  const setUp = options.isComplete ? setUpLength(events) : 0;
  events.forEach((event, index) => {
    if (index >= setUp) addEvent(walk, event, options);
    if (options.readUpTo === event.eventId && walk.newLine === 'before') walk.newLine = 'due';
  });
  flushChanges(walk);
  return options.isComplete ? walk.items : holdBackFirst(walk.items);
}

function addEvent(walk: Walk, event: TimelineEvent, options: ProjectionOptions): void {
  const change = stateChangeOf(event);
  if (!change && !isMessage(event)) return;
  const day = localDay(event.timestamp, options.utcOffsetMinutes);
  // Only a later day makes a border: clocks of servers differ, and an event may be a little older than the one above.
  const isNewDay = walk.previousDay === undefined ? options.isComplete : day > walk.previousDay;
  const isFirstNew = walk.newLine === 'due' && !event.isOwn && !change;
  if (isNewDay || isFirstNew) flushChanges(walk);
  if (isNewDay) walk.items.push({ kind: 'day', key: `day:${event.key}`, timestamp: event.timestamp });
  if (isFirstNew) {
    walk.items.push({ kind: 'new', key: 'new' });
    walk.newLine = 'drawn';
  }
  walk.previousDay = day;
  if (change) {
    walk.pendingChanges.push(change);
    return;
  }
  flushChanges(walk);
  walk.items.push({ kind: 'message', key: event.key, event, startsGroup: startsGroup(event, walk.items.at(-1)) });
}

function holdBackFirst(items: TimelineItem[]): TimelineItem[] {
  const first = items[0];
  return first?.kind === 'message' && items.length > 1 ? items.slice(1) : items;
}

/** Reuses rows that are equal to what was shown before, so that only rows that changed are drawn again. */
export function reuseItems(previous: readonly TimelineItem[], next: TimelineItem[]): TimelineItem[] {
  const known = new Map(previous.map((item) => [item.key, item]));
  return next.map((item) => {
    const before = known.get(item.key);
    return before && isSameItem(before, item) ? before : item;
  });
}

function isSameItem(a: TimelineItem, b: TimelineItem): boolean {
  if (a.kind === 'message' && b.kind === 'message') return a.event === b.event && a.startsGroup === b.startsGroup;
  if (a.kind === 'changes' && b.kind === 'changes') {
    return (
      a.changes.length === b.changes.length && a.changes.every((change, i) => change.eventId === b.changes[i]?.eventId)
    );
  }
  if (a.kind === 'day' && b.kind === 'day') return a.timestamp === b.timestamp;
  return a.kind === b.kind;
}
