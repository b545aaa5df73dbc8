import { fetchRoomPreview, resolveAlias } from '../matrix/directory.ts';
import { readMember, readRemoval } from '../matrix/members.ts';
import { joinRoom, leaveRoom } from '../matrix/room-actions.ts';
import type { Session } from '../matrix/session.ts';
import { errcodeOf, type Problem } from './problem.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export interface RoomPreviewState extends TaskState {
  /** What stands in the way of showing more. */
  status: 'loading' | 'ready' | 'not-found';
  /** The room id once it is known, which for an alias takes a question to its server. */
  roomId: string | undefined;
  name: string;
  topic: string | undefined;
  avatarMxc: string | undefined;
  memberCount: number | undefined;
  /** Set when we are invited. */
  inviter: { userId: string; name: string; avatarMxc: string | undefined } | undefined;
  isDirect: boolean;
  isBanned: boolean;
  /** Set when somebody else ended our membership. */
  removal: { name: string; reason: string | undefined } | undefined;
}

/** A room that we are not in: an invitation, a link, or one from the list of public rooms. */
export class RoomPreviewViewModel extends TaskViewModel<RoomPreviewState> {
  readonly #session: Session;
  readonly #target: string;
  #via: readonly string[];

  constructor(session: Session, roomIdOrAlias: string, via: readonly string[]) {
    super({ ...describePreview(session, roomIdOrAlias), pending: false, problem: undefined });
    this.#session = session;
    this.#target = roomIdOrAlias;
    this.#via = via;
    void this.#load();
  }

  /** The room id if it worked. */
  async join(): Promise<string | undefined> {
    return this.attempt(() => joinRoom(this.#session, this.#target, this.#via));
  }

  async decline(): Promise<boolean> {
    const { roomId } = this.getState();
    if (!roomId) return false;
    return (
      (await this.attempt(async () => {
        await leaveRoom(this.#session, roomId);
        return true;
      })) === true
    );
  }

  protected override describe(error: unknown): Problem | undefined {
    if (errcodeOf(error) === 'M_NOT_FOUND') this.set({ status: 'not-found' });
    return super.describe(error);
  }

  async #load(): Promise<void> {
    if (this.getState().status !== 'loading') return;
    let roomId = this.#target.startsWith('!') ? this.#target : undefined;
    if (!roomId) {
      try {
        const resolved = await resolveAlias(this.#session, this.#target);
        roomId = resolved.roomId;
        this.#via = [...this.#via, ...resolved.via].slice(0, 5);
      } catch {
        this.set({ status: 'not-found' });
        return;
      }
    }
    const preview = await fetchRoomPreview(this.#session, roomId, this.#via);
    this.set({
      status: 'ready',
      roomId,
      // For a room that says nothing about itself, what we knew when we were in it is better than its id.
      name: preview?.name ?? this.getState().name,
      topic: preview?.topic ?? this.getState().topic,
      avatarMxc: preview?.avatarMxc ?? this.getState().avatarMxc,
      memberCount: preview?.memberCount,
    });
  }
}

function describePreview(session: Session, target: string): Omit<RoomPreviewState, keyof TaskState> {
  const summary = session.rooms.get(target);
  const isInvite = summary?.membership === 'invite';
  const inviter = isInvite ? summary.inviter : undefined;
  return {
    status: isInvite || summary?.membership === 'ban' ? 'ready' : 'loading',
    roomId: summary?.roomId,
    name: summary?.name ?? target,
    topic: summary?.topic,
    avatarMxc: summary?.avatarMxc,
    memberCount: undefined,
    inviter: inviter && { ...inviter, avatarMxc: readMember(session, target, inviter.userId)?.avatarMxc },
    isDirect: summary?.kind === 'direct',
    isBanned: summary?.membership === 'ban',
    removal: readRemoval(session, target),
  };
}
