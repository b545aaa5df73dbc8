import { type FoundUser, fetchUser, readKnownUsers, searchUsers } from '../matrix/directory.ts';
import { inviteMember, readMember } from '../matrix/members.ts';
import { openDirectMessage } from '../matrix/room-actions.ts';
import type { Session } from '../matrix/session.ts';
import { type Problem, toProblem } from './problem.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export type { FoundUser };

export interface PeoplePickerState extends TaskState {
  term: string;
  searching: boolean;
  results: readonly FoundUser[];
  chosen: readonly FoundUser[];
  /** Those that the server did not let us invite, each with why. */
  failed: readonly { user: FoundUser; problem: Problem }[];
}

const userIdPattern = /^@[^\s:]+:[^\s:]+(:\d+)?$/;
const searchDelayMs = 200;
const resultLimit = 30;

/** Finding people by name or Matrix id, to invite them to a room or to write to them. */
export class PeoplePickerViewModel extends TaskViewModel<PeoplePickerState> {
  readonly #session: Session;
  /** The room to invite to; without one it is for a direct message. */
  readonly #roomId: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #searchCount = 0;

  constructor(session: Session, roomId: string | undefined) {
    super({ pending: false, problem: undefined, term: '', searching: false, results: [], chosen: [], failed: [] });
    this.#session = session;
    this.#roomId = roomId;
    this.own(() => clearTimeout(this.#timer));
    void this.#search('');
  }

  setTerm(term: string): void {
    this.set({ term, searching: true });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#search(term.trim()), searchDelayMs);
  }

  choose(user: FoundUser): void {
    const { chosen } = this.getState();
    if (!chosen.some((other) => other.userId === user.userId)) this.set({ chosen: [...chosen, user] });
    this.setTerm('');
  }

  remove(userId: string): void {
    this.set({ chosen: this.getState().chosen.filter((user) => user.userId !== userId) });
  }

  /** The room id of the direct message with those chosen. */
  async openDirectMessage(): Promise<string | undefined> {
    const userIds = this.getState().chosen.map((user) => user.userId);
    return this.attempt(() => openDirectMessage(this.#session, userIds));
  }

  /** True if all were invited; the others stay chosen, with the reason in `failed`. */
  async invite(): Promise<boolean> {
    const roomId = this.#roomId;
    if (!roomId) return false;
    const failed: { user: FoundUser; problem: Problem }[] = [];
    await this.attempt(async () => {
      for (const user of this.getState().chosen) {
        try {
          await inviteMember(this.#session, roomId, user.userId);
        } catch (error) {
          failed.push({ user, problem: toProblem(error) });
        }
      }
    });
    this.set({ failed, chosen: failed.map(({ user }) => user) });
    return failed.length === 0;
  }

  async #search(term: string): Promise<void> {
    const count = ++this.#searchCount;
    const known = findKnown(readKnownUsers(this.#session), term);
    // Those we know are there at once; the server may add others.
    this.set({ searching: term !== '', results: this.#candidates(known) });
    if (term === '') return;
    const [found, exact] = await Promise.all([
      searchUsers(this.#session, term).catch(() => []),
      userIdPattern.test(term) ? this.#byId(term) : undefined,
    ]);
    // An answer to an older question than the last is of no use.
    if (count !== this.#searchCount) return;
    this.set({ searching: false, results: this.#candidates([...(exact ? [exact] : []), ...known, ...found]) });
  }

  /** Each once, without those that make no sense here. */
  #candidates(users: readonly FoundUser[]): FoundUser[] {
    const byId = new Map<string, FoundUser>();
    for (const user of users) if (!byId.has(user.userId) && this.#isCandidate(user)) byId.set(user.userId, user);
    return [...byId.values()].slice(0, resultLimit);
  }

  async #byId(userId: string): Promise<FoundUser> {
    try {
      return await fetchUser(this.#session, userId);
    } catch {
      // Their server may hide profiles or be away; they can be invited all the same.
      return { userId, name: userId, avatarMxc: undefined };
    }
  }

  #isCandidate(user: FoundUser): boolean {
    if (user.userId === this.#session.userId) return false;
    if (this.getState().chosen.some((other) => other.userId === user.userId)) return false;
    if (!this.#roomId) return true;
    const membership = readMember(this.#session, this.#roomId, user.userId)?.membership;
    return membership !== 'join' && membership !== 'invite';
  }
}

/** Those with a word that begins with what was typed, or an id that contains it. */
export function findKnown(users: readonly FoundUser[], term: string): FoundUser[] {
  const needle = term.toLocaleLowerCase();
  return users.filter((user) => {
    const name = user.name.toLocaleLowerCase();
    return needle === '' || name.startsWith(needle) || name.includes(` ${needle}`) || user.userId.includes(needle);
  });
}
