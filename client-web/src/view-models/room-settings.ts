import { type RoomPermissions, readPermissions, watchRoom } from '../matrix/members.ts';
import {
  isListed,
  type RoomSettings,
  readRoomSettings,
  setListed,
  setRoomAccess,
  setRoomAlias,
  setRoomAvatar,
  setRoomName,
  setRoomTopic,
} from '../matrix/room-settings.ts';
import type { Session } from '../matrix/session.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export type { RoomSettings };

export interface RoomSettingsState extends TaskState {
  settings: RoomSettings | undefined;
  permissions: RoomPermissions;
  /** Whether our server's list of public rooms shows it; undefined until the server has said. */
  isListed: boolean | undefined;
}

export class RoomSettingsViewModel extends TaskViewModel<RoomSettingsState> {
  readonly roomId: string;
  readonly serverName: string;
  readonly #session: Session;

  constructor(session: Session, roomId: string) {
    super({
      settings: readRoomSettings(session, roomId),
      permissions: readPermissions(session, roomId),
      isListed: undefined,
      pending: false,
      problem: undefined,
    });
    this.roomId = roomId;
    this.serverName = session.serverName;
    this.#session = session;
    this.own(
      watchRoom(session, roomId, () =>
        this.set({ settings: readRoomSettings(session, roomId), permissions: readPermissions(session, roomId) }),
      ),
    );
    void this.#loadListed();
  }

  /** Saves what differs from what is there. True if all of it worked. */
  async save(change: { name: string; topic: string }): Promise<boolean> {
    const { settings } = this.getState();
    return this.#do(async () => {
      if (change.name !== settings?.name) await setRoomName(this.#session, this.roomId, change.name);
      if (change.topic !== settings?.topic) await setRoomTopic(this.#session, this.roomId, change.topic);
    });
  }

  async setAvatar(file: Blob | undefined): Promise<boolean> {
    return this.#do(() => setRoomAvatar(this.#session, this.roomId, file));
  }

  async setAccess(access: 'public' | 'invite'): Promise<boolean> {
    return this.#do(() => setRoomAccess(this.#session, this.roomId, access));
  }

  async setListed(listed: boolean): Promise<boolean> {
    return this.#do(async () => {
      await setListed(this.#session, this.roomId, listed);
      this.set({ isListed: listed });
    });
  }

  async setAlias(localpart: string): Promise<boolean> {
    return this.#do(() => setRoomAlias(this.#session, this.roomId, localpart));
  }

  async #do(action: () => Promise<void>): Promise<boolean> {
    return (
      (await this.attempt(async () => {
        await action();
        return true;
      })) === true
    );
  }

  async #loadListed(): Promise<void> {
    try {
      this.set({ isListed: await isListed(this.#session, this.roomId) });
    } catch {
      // Then the switch is not offered.
    }
  }
}
