import { fetchUser } from '../matrix/directory.ts';
import {
  banMember,
  inviteMember,
  kickMember,
  type Member,
  type PresenceState,
  type Role,
  readMember,
  readPermissions,
  readPresence,
  rolePower,
  setMemberPower,
  unbanMember,
  watchRoom,
} from '../matrix/members.ts';
import { openDirectMessage } from '../matrix/room-actions.ts';
import type { Session } from '../matrix/session.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export interface MemberState extends TaskState {
  userId: string;
  name: string;
  avatarMxc: string | undefined;
  presence: PresenceState | undefined;
  /** Undefined for somebody who is not in the room. */
  membership: Member['membership'] | undefined;
  role: Role;
  isSelf: boolean;
  can: MemberActions;
}

/** What the signed-in user may do to this one. */
export interface MemberActions {
  invite: boolean;
  kick: boolean;
  ban: boolean;
  unban: boolean;
  /** The roles that may be given; empty if none. */
  roles: readonly Exclude<Role, 'owner'>[];
}

/** One person, seen from a room. */
export class MemberViewModel extends TaskViewModel<MemberState> {
  readonly #session: Session;
  readonly #roomId: string;
  readonly #userId: string;

  constructor(session: Session, roomId: string, userId: string) {
    super({ ...describeMember(session, roomId, userId), pending: false, problem: undefined });
    this.#session = session;
    this.#roomId = roomId;
    this.#userId = userId;
    this.own(watchRoom(session, roomId, () => this.set(describeMember(session, roomId, userId))));
    if (this.getState().membership === undefined) void this.#fetchProfile();
  }

  /** The room id of the direct message with them, made if there is none. */
  async message(): Promise<string | undefined> {
    return this.attempt(() => openDirectMessage(this.#session, [this.#userId]));
  }

  async invite(): Promise<void> {
    await this.attempt(() => inviteMember(this.#session, this.#roomId, this.#userId));
  }

  async kick(reason: string): Promise<boolean> {
    return (
      (await this.attempt(async () => {
        await kickMember(this.#session, this.#roomId, this.#userId, reason);
        return true;
      })) === true
    );
  }

  async ban(reason: string): Promise<boolean> {
    return (
      (await this.attempt(async () => {
        await banMember(this.#session, this.#roomId, this.#userId, reason);
        return true;
      })) === true
    );
  }

  async unban(): Promise<void> {
    await this.attempt(() => unbanMember(this.#session, this.#roomId, this.#userId));
  }

  async setRole(role: Exclude<Role, 'owner'>): Promise<void> {
    await this.attempt(() => setMemberPower(this.#session, this.#roomId, this.#userId, rolePower[role]));
  }

  async #fetchProfile(): Promise<void> {
    try {
      const { name, avatarMxc } = await fetchUser(this.#session, this.#userId);
      if (this.getState().membership === undefined) this.set({ name, avatarMxc });
    } catch {
      // Their server may be away; the id is shown then.
    }
  }
}

function describeMember(session: Session, roomId: string, userId: string): Omit<MemberState, 'pending' | 'problem'> {
  const member = readMember(session, roomId, userId);
  const own = readPermissions(session, roomId);
  const isSelf = userId === session.userId;
  const power = member?.powerLevel ?? 0;
  const outranks = own.powerLevel > power;
  const { membership } = member ?? {};
  return {
    userId,
    name: member?.name ?? userId,
    avatarMxc: member?.avatarMxc,
    presence: member?.presence ?? readPresence(session, userId),
    membership,
    role: member?.role ?? 'member',
    isSelf,
    can: {
      invite: own.invite && membership === undefined,
      kick: !isSelf && own.kick && outranks && (membership === 'join' || membership === 'invite'),
      ban: !isSelf && own.ban && outranks && membership !== 'ban',
      unban: own.ban && own.kick && membership === 'ban',
      roles:
        own.setPowerLevels && membership === 'join' && member?.role !== 'owner' && (outranks || isSelf)
          ? grantableRoles(own.powerLevel)
          : [],
    },
  };
}

/** Nobody can give more power than they have. */
function grantableRoles(ownPower: number): Exclude<Role, 'owner'>[] {
  const roles = ['admin', 'moderator', 'member'] as const;
  return roles.filter((role) => rolePower[role] <= ownPower);
}
