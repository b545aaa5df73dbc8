import {
  fetchOwnProfile,
  type OwnProfile,
  readOwnProfile,
  setOwnAvatar,
  setOwnName,
  watchOwnProfile,
} from '../matrix/account.ts';
import type { Session } from '../matrix/session.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export interface OwnProfileState extends TaskState {
  profile: OwnProfile;
}

/** The signed-in user's own name and picture. */
export class OwnProfileViewModel extends TaskViewModel<OwnProfileState> {
  readonly #session: Session;

  /** @param known what the last visit knew, until the server has answered */
  constructor(session: Session, known: OwnProfile) {
    super({ profile: known, pending: false, problem: undefined });
    this.#session = session;
    this.own(watchOwnProfile(session, () => this.#update(readOwnProfile(session))));
    void this.#fetch();
  }

  /** True if it worked. */
  async setName(name: string): Promise<boolean> {
    const done = await this.attempt(async () => {
      await setOwnName(this.#session, name);
      this.#update({ ...this.getState().profile, name });
      return true;
    });
    return done === true;
  }

  async setAvatar(file: Blob | undefined): Promise<boolean> {
    const done = await this.attempt(async () => {
      await setOwnAvatar(this.#session, file);
      this.#update(await fetchOwnProfile(this.#session));
      return true;
    });
    return done === true;
  }

  async #fetch(): Promise<void> {
    try {
      this.#update(await fetchOwnProfile(this.#session));
    } catch {
      // Sync brings it as well; until then the user id stands in.
    }
  }

  #update(profile: OwnProfile): void {
    const before = this.getState().profile;
    if (before.name !== profile.name || before.avatarMxc !== profile.avatarMxc) this.set({ profile });
  }
}
