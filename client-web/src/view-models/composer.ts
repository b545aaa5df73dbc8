import { loadMembers, mentionableMembers } from '../matrix/mentionables.ts';
import type { RoomFacts } from '../matrix/room-facts.ts';
import { roomFacts, watchRoomFacts } from '../matrix/room-facts.ts';
import { type MessageContent, sendEdit, sendMessage } from '../matrix/send.ts';
import type { Session } from '../matrix/session.ts';
import type { TimelineEvent } from '../matrix/timeline-event.ts';
import { TypingNotifier } from '../matrix/typing.ts';
import { type Completion, completePeople, completeRooms } from './completion.ts';
import { type DocumentNode, documentToMessage, isBlank } from './composer-document.ts';
import { type Conversation, conversationOf } from './conversation.ts';
import { keepDraft, readDraft } from './drafts.ts';
import { withCaption } from './media-message.ts';
import { recentEmoji, rememberEmoji } from './recent-emoji.ts';
import type { UploadQueue } from './upload-queue.ts';
import { ViewModel } from './view-model.ts';

export type { Completion } from './completion.ts';
export type { DocumentNode } from './composer-document.ts';
export type { UploadItem } from './upload-queue.ts';

export interface ComposerOptions {
  threadId?: string | undefined;
  /** The files of the same room or thread. They outlive the composer. */
  uploads: UploadQueue;
}

/** Why nothing can be written here. */
export type BlockedReason = 'notJoined' | 'noPermission' | 'encrypted' | 'replaced';

/** What the editor is to hold: a draft, or a message to be edited. `request` changes each time. */
export interface LoadRequest {
  request: number;
  draft?: DocumentNode;
  message?: TimelineEvent;
}

export interface ComposerState {
  roomName: string;
  blocked: BlockedReason | undefined;
  replacementRoomId: string | undefined;
  replyTo: TimelineEvent | undefined;
  editing: TimelineEvent | undefined;
  load: LoadRequest;
  /** Asks the view to put the cursor into the editor; changes each time. */
  focusRequest: number;
}

const DRAFT_DELAY_MS = 400;

function blockedReason(facts: RoomFacts): BlockedReason | undefined {
  if (facts.replacementRoomId !== undefined) return 'replaced';
  if (!facts.permissions.isJoined) return 'notJoined';
  if (facts.isEncrypted) return 'encrypted';
  return facts.permissions.canSend ? undefined : 'noPermission';
}

/** Writing in one room or thread: drafts, answers, edits, files, completion, and sending. */
export class ComposerViewModel extends ViewModel<ComposerState> {
  readonly roomId: string;
  readonly threadId: string | undefined;
  readonly uploads: UploadQueue;
  readonly #session: Session;
  readonly #conversation: Conversation;
  readonly #typing: TypingNotifier;
  #draftTimer: ReturnType<typeof setTimeout> | undefined;
  #unsavedDraft: DocumentNode | undefined;
  #requests = 0;

  constructor(session: Session, roomId: string, options: ComposerOptions) {
    const room = session.client.getRoom(roomId);
    if (!room) throw new Error(`No room ${roomId} in this session`);
    const facts = roomFacts(session, room);
    const conversation = conversationOf(session, roomId, options.threadId);
    const draft = readDraft(session.platform.storage, roomId, options.threadId);
    super({
      roomName: facts.name,
      blocked: blockedReason(facts),
      replacementRoomId: facts.replacementRoomId,
      replyTo: conversation.getState().replyTo,
      editing: conversation.getState().editing,
      load: { request: 0, ...(draft && { draft }) },
      focusRequest: 0,
    });
    this.roomId = roomId;
    this.threadId = options.threadId;
    this.#session = session;
    this.#conversation = conversation;
    this.#typing = new TypingNotifier(session, roomId);
    this.uploads = options.uploads;
    this.own(watchRoomFacts(room, () => this.#setFacts(roomFacts(session, room))));
    this.own(conversation.subscribe(() => this.#followConversation()));
    this.own(() => this.#saveDraft());
    this.own(session.platform.page.onHide(() => this.#saveDraft()));
    this.own(() => this.#typing.stopped());
  }

  /** Call at every change of the editor by the user. */
  changed(document: DocumentNode): void {
    const isEmpty = isBlank(document);
    if (isEmpty) this.#typing.stopped();
    else this.#typing.typed();
    // The text of a message that is being edited is no draft.
    if (this.getState().editing) return;
    this.#unsavedDraft = document;
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(() => this.#saveDraft(), DRAFT_DELAY_MS);
  }

  /** Sends what is written and the files that wait. Returns whether the editor is to be emptied. */
  send(document: DocumentNode): boolean {
    const { editing, blocked } = this.getState();
    if (blocked) return false;
    const isEmpty = isBlank(document);
    // A picture does without words, a message does not.
    const needsText = editing ? editing.body.kind === 'text' : !this.uploads.hasWaiting;
    if (isEmpty && needsText) return false;
    this.#typing.stopped();
    if (editing) {
      this.#sendEdit(editing, isEmpty ? undefined : document);
      return false;
    }
    this.#sendNew(isEmpty ? undefined : document);
    this.#unsavedDraft = undefined;
    clearTimeout(this.#draftTimer);
    keepDraft(this.#session.platform.storage, this.roomId, this.threadId, { type: 'doc', content: [] });
    return true;
  }

  /** Begins to edit the last message that can be. False when there is none. */
  editLast(): boolean {
    const event = this.#conversation.findLastEditable();
    if (event) this.#conversation.edit(event);
    return event !== undefined;
  }

  /** Ends editing or answering. False when there was nothing to end. */
  cancel(): boolean {
    const { editing, replyTo } = this.getState();
    this.#conversation.cancel();
    return editing !== undefined || replyTo !== undefined;
  }

  /** What fits the word typed after `@` or `#`. */
  complete(trigger: '@' | '#', typed: string): Completion[] {
    if (trigger === '#') {
      const rooms = [...this.#session.rooms.getAll().values()].flatMap((room) =>
        room.canonicalAlias !== undefined && room.membership === 'join'
          ? [{ id: room.canonicalAlias, name: room.name, ...(room.avatarMxc && { avatarMxc: room.avatarMxc }) }]
          : [],
      );
      return completeRooms(rooms, typed);
    }
    const room = this.#session.client.getRoom(this.roomId);
    if (!room) return [];
    void loadMembers(room);
    const { permissions } = roomFacts(this.#session, room);
    return completePeople(mentionableMembers(this.#session, room), typed, permissions.canMentionRoom);
  }

  get recentEmoji(): readonly string[] {
    return recentEmoji(this.#session.platform.storage);
  }

  rememberEmoji(emoji: string): void {
    rememberEmoji(this.#session.platform.storage, emoji);
  }

  #sendNew(document: DocumentNode | undefined): void {
    const { replyTo } = this.getState();
    const written = document && documentToMessage(document);
    const relatesTo = replyTo && { 'm.in_reply_to': { event_id: replyTo.eventId } };
    const files = this.uploads.getState().items.filter((item) => item.status === 'waiting').length;
    this.#conversation.send();
    if (written && files !== 1) {
      const mentioned = replyTo && replyTo.sender.id !== this.#session.userId ? [replyTo.sender.id] : [];
      void sendMessage(this.#session, this.#target, {
        ...written,
        'm.mentions': withUsers(written['m.mentions'], mentioned),
        ...(relatesTo && { 'm.relates_to': relatesTo }),
      });
    }
    // One file takes what is written as its caption; with several it is a message of its own.
    if (files > 0) {
      const caption = files === 1 ? written : undefined;
      void this.uploads.send({ caption, ...(!(written && files > 1) && relatesTo && { relatesTo }) });
    }
  }

  /** @param document undefined where a caption is taken away */
  #sendEdit(event: TimelineEvent, document: DocumentNode | undefined): void {
    const written = document && documentToMessage(document);
    const content: MessageContent =
      written && event.body.kind === 'text' ? { ...written } : withCaption(event.content, written);
    this.#conversation.cancel();
    sendEdit(this.#session, this.#target, event.eventId, content, event.content).catch(() => {
      // The text is not lost: it comes back into the editor, with the message still to be edited.
      this.#conversation.edit(event);
      this.set({ load: { request: ++this.#requests, ...(document && { draft: document }) } });
    });
  }

  get #target(): { roomId: string; threadId: string | undefined } {
    return { roomId: this.roomId, threadId: this.threadId };
  }

  #followConversation(): void {
    const { replyTo, editing } = this.#conversation.getState();
    const before = this.getState();
    this.set({ replyTo, editing, focusRequest: ++this.#requests });
    if (editing === before.editing) return;
    if (editing) this.#saveDraft();
    const draft = readDraft(this.#session.platform.storage, this.roomId, this.threadId);
    this.set({
      load: { request: ++this.#requests, ...(editing ? { message: editing } : draft && { draft }) },
    });
  }

  #setFacts(facts: RoomFacts): void {
    this.set({
      roomName: facts.name,
      blocked: blockedReason(facts),
      replacementRoomId: facts.replacementRoomId,
    });
  }

  #saveDraft(): void {
    clearTimeout(this.#draftTimer);
    if (this.#unsavedDraft) keepDraft(this.#session.platform.storage, this.roomId, this.threadId, this.#unsavedDraft);
    this.#unsavedDraft = undefined;
  }
}

function withUsers(mentions: { user_ids?: string[]; room?: true }, added: readonly string[]): object {
  const userIds = [...new Set([...(mentions.user_ids ?? []), ...added])];
  return { ...mentions, ...(userIds.length > 0 && { user_ids: userIds }) };
}

export function createComposerViewModel(session: Session, roomId: string, options: ComposerOptions): ComposerViewModel {
  return new ComposerViewModel(session, roomId, options);
}
