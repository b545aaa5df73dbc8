import { textField } from '../matrix/event-content.ts';
import type { Person, TimelineEvent } from '../matrix/timeline-event.ts';

/** What a state event changed, named for the words that describe it. */
export type StateChangeKind =
  | 'joined'
  | 'left'
  | 'invited'
  | 'declined'
  | 'withdrawn'
  | 'knocked'
  | 'removed'
  | 'banned'
  | 'unbanned'
  | 'displayName'
  | 'avatar'
  | 'roomName'
  | 'roomNameRemoved'
  | 'topic'
  | 'topicRemoved'
  | 'roomAvatar'
  | 'pins'
  | 'permissions'
  | 'joinRule'
  | 'historyVisibility'
  | 'address'
  | 'encryption'
  | 'upgraded';

export interface StateChange {
  eventId: string;
  kind: StateChangeKind;
  actor: Person;
  /** The member that was acted on, when that is someone else than the actor. */
  target?: Person;
  /** The new name or topic, or the former display name. */
  value?: string;
  timestamp: number;
}

function membershipKind(event: TimelineEvent): StateChangeKind | undefined {
  const now = textField(event.content, 'membership');
  const before = textField(event.previousContent, 'membership');
  const isSelf = event.stateKey === event.sender.id;
  switch (now) {
    case 'join':
      return before === 'join' ? profileKind(event) : 'joined';
    case 'invite':
      return before === 'invite' ? undefined : 'invited';
    case 'knock':
      return 'knocked';
    case 'ban':
      return before === 'ban' ? undefined : 'banned';
    case 'leave':
      if (before === 'ban') return 'unbanned';
      if (isSelf) return before === 'invite' ? 'declined' : 'left';
      return before === 'invite' ? 'withdrawn' : 'removed';
    default:
      return undefined;
  }
}

/** A join over a join is a new profile; when neither name nor avatar changed there is nothing to tell. */
function profileKind(event: TimelineEvent): StateChangeKind | undefined {
  if (textField(event.content, 'displayname') !== textField(event.previousContent, 'displayname')) return 'displayName';
  if (textField(event.content, 'avatar_url') !== textField(event.previousContent, 'avatar_url')) return 'avatar';
  return undefined;
}

/** Kinds that say nothing when they come with the room's creation, hence need a former value. */
const CHANGES_ONLY: ReadonlyMap<string, StateChangeKind> = new Map([
  ['m.room.power_levels', 'permissions'],
  ['m.room.join_rules', 'joinRule'],
  ['m.room.history_visibility', 'historyVisibility'],
  ['m.room.canonical_alias', 'address'],
]);

function roomKind(event: TimelineEvent): StateChangeKind | undefined {
  switch (event.type) {
    case 'm.room.name':
      return textField(event.content, 'name')?.trim() ? 'roomName' : 'roomNameRemoved';
    case 'm.room.topic':
      return textField(event.content, 'topic')?.trim() ? 'topic' : 'topicRemoved';
    case 'm.room.avatar':
      return 'roomAvatar';
    case 'm.room.pinned_events':
      return 'pins';
    case 'm.room.encryption':
      return 'encryption';
    case 'm.room.tombstone':
      return 'upgraded';
    default:
      return event.previousContent === undefined ? undefined : CHANGES_ONLY.get(event.type);
  }
}

function changedValue(kind: StateChangeKind, event: TimelineEvent): string | undefined {
  if (kind === 'roomName') return textField(event.content, 'name')?.slice(0, 255);
  if (kind === 'topic') return textField(event.content, 'topic')?.slice(0, 1000);
  if (kind === 'displayName') return textField(event.previousContent, 'displayname')?.slice(0, 255);
  return undefined;
}

/** What a state event changed, or undefined when it changed nothing worth a line. */
export function stateChangeOf(event: TimelineEvent): StateChange | undefined {
  if (event.stateKey === undefined) return undefined;
  const kind = event.type === 'm.room.member' ? membershipKind(event) : roomKind(event);
  if (kind === undefined) return undefined;
  const change: StateChange = { eventId: event.eventId, kind, actor: event.sender, timestamp: event.timestamp };
  if (event.target && event.target.id !== event.sender.id) change.target = event.target;
  const value = changedValue(kind, event);
  if (value !== undefined) change.value = value;
  return change;
}

/** Changes of one kind that read as one phrase: "Ana, Ben and Cid joined". */
export interface ChangePhrase {
  kind: StateChangeKind;
  /** The people the phrase is about, each once, in order of appearance. */
  people: readonly Person[];
  /** Who did it to them, when that is one other person. */
  actor?: Person;
  value?: string;
}

/** Kinds whose subject is the member acted on rather than the actor. */
const ABOUT_TARGET: ReadonlySet<StateChangeKind> = new Set(['invited', 'withdrawn', 'removed', 'banned', 'unbanned']);

/** Kinds in which only the last change matters within one run. */
const LAST_WINS: ReadonlySet<StateChangeKind> = new Set([
  'roomName',
  'topic',
  'displayName',
  'avatar',
  'roomAvatar',
  'pins',
  'permissions',
  'joinRule',
  'historyVisibility',
  'address',
]);

/**
 * Folds a run of changes into phrases: neighbours of one kind join their people, and what one person changed several
 * times is told once. The order is that of first appearance.
 */
export function foldChanges(changes: readonly StateChange[]): ChangePhrase[] {
  const phrases = new Map<string, { phrase: ChangePhrase; people: Map<string, Person> }>();
  for (const change of changes) {
    const subject = ABOUT_TARGET.has(change.kind) ? (change.target ?? change.actor) : change.actor;
    const key = LAST_WINS.has(change.kind) ? `${change.kind} ${subject.id}` : change.kind;
    const known = phrases.get(key);
    if (!known) {
      const phrase: ChangePhrase = { kind: change.kind, people: [] };
      if (change.target) phrase.actor = change.actor;
      if (change.value !== undefined) phrase.value = change.value;
      phrases.set(key, { phrase, people: new Map([[subject.id, subject]]) });
      continue;
    }
    known.people.set(subject.id, subject);
    if (known.phrase.actor && known.phrase.actor.id !== change.actor.id) delete known.phrase.actor;
    if (change.value !== undefined && change.kind !== 'displayName') known.phrase.value = change.value;
  }
  return [...phrases.values()].map(({ phrase, people }) => ({ ...phrase, people: [...people.values()] }));
}
