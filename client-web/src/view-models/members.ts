import {
  loadMembers,
  type Member,
  type PresenceState,
  type Role,
  type RoomPermissions,
  readMembers,
  readPermissions,
  watchRoom,
} from '../matrix/members.ts';
import type { Session } from '../matrix/session.ts';
import { type Problem, toProblem } from './problem.ts';
import { ViewModel } from './view-model.ts';

export type { Member, PresenceState, Role, RoomPermissions };

export type MemberGroupId = Role | 'invited' | 'banned';

export interface MemberGroup {
  id: MemberGroupId;
  members: readonly Member[];
}

export interface MemberListState {
  /** False while only the members that sync brought along are known. */
  isComplete: boolean;
  filter: string;
  groups: readonly MemberGroup[];
  joinedCount: number;
  permissions: RoomPermissions;
  problem: Problem | undefined;
}

const groupOrder: readonly MemberGroupId[] = ['owner', 'admin', 'moderator', 'member', 'invited', 'banned'];

/** Everybody in a room, grouped by role. */
export class MemberListViewModel extends ViewModel<MemberListState> {
  readonly #session: Session;
  readonly #roomId: string;

  constructor(session: Session, roomId: string) {
    super({
      isComplete: false,
      filter: '',
      groups: groupMembers(readMembers(session, roomId), ''),
      joinedCount: session.rooms.get(roomId)?.memberCount ?? 0,
      permissions: readPermissions(session, roomId),
      problem: undefined,
    });
    this.#session = session;
    this.#roomId = roomId;
    this.own(watchRoom(session, roomId, () => this.#update()));
    void this.load();
  }

  async load(): Promise<void> {
    this.set({ problem: undefined });
    try {
      await loadMembers(this.#session, this.#roomId);
      this.set({ isComplete: true });
      this.#update();
    } catch (error) {
      this.set({ problem: toProblem(error) });
    }
  }

  setFilter(filter: string): void {
    this.set({ filter });
    this.#update();
  }

  #update(): void {
    this.set({
      groups: groupMembers(readMembers(this.#session, this.#roomId), this.getState().filter),
      joinedCount: this.#session.rooms.get(this.#roomId)?.memberCount ?? 0,
      permissions: readPermissions(this.#session, this.#roomId),
    });
  }
}

/** Groups by role, people before the invited and the banned, by name within a group. */
export function groupMembers(members: readonly Member[], filter: string): MemberGroup[] {
  const needle = filter.trim().toLocaleLowerCase();
  const groups = new Map<MemberGroupId, Member[]>(groupOrder.map((id) => [id, []]));
  for (const member of members) {
    const matches = member.name.toLocaleLowerCase().includes(needle) || member.userId.toLowerCase().includes(needle);
    if (needle === '' || matches) groups.get(groupOf(member))?.push(member);
  }
  const collator = new Intl.Collator(undefined, { sensitivity: 'base' });
  return [...groups]
    .map(([id, group]) => ({ id, members: group.sort((a, b) => collator.compare(a.name, b.name)) }))
    .filter((group) => group.members.length > 0);
}

function groupOf(member: Member): MemberGroupId {
  if (member.membership === 'invite') return 'invited';
  return member.membership === 'ban' ? 'banned' : member.role;
}
