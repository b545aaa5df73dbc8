import {
  type PresenceState,
  type RoomPermissions,
  readPermissions,
  readPresence,
  watchRoom,
} from '../matrix/members.ts';
import type { NotificationLevel } from '../matrix/notification-level.ts';
import { leaveRoom, markRoomRead, setNotificationLevel, setRoomTag } from '../matrix/room-actions.ts';
import type { RoomSummary } from '../matrix/room-summary.ts';
import type { Session } from '../matrix/session.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export type { NotificationLevel, RoomSummary };

export interface RoomState extends TaskState {
  /** Undefined once the room is gone. */
  summary: RoomSummary | undefined;
  permissions: RoomPermissions;
  /** Of the other person in a direct message. */
  presence: PresenceState | undefined;
}

/** The frame of a room: its header and what can be done to it as a whole. */
export class RoomViewModel extends TaskViewModel<RoomState> {
  readonly #session: Session;
  readonly #roomId: string;

  constructor(session: Session, roomId: string) {
    super({ ...describeRoom(session, roomId), pending: false, problem: undefined });
    this.#session = session;
    this.#roomId = roomId;
    const update = () => this.set(describeRoom(session, roomId));
    this.own(session.rooms.subscribe(update));
    this.own(watchRoom(session, roomId, update));
  }

  async toggleFavourite(): Promise<void> {
    const tag = this.getState().summary?.isFavourite ? undefined : 'm.favourite';
    await this.attempt(() => setRoomTag(this.#session, this.#roomId, tag));
  }

  async toggleLowPriority(): Promise<void> {
    const tag = this.getState().summary?.isLowPriority ? undefined : 'm.lowpriority';
    await this.attempt(() => setRoomTag(this.#session, this.#roomId, tag));
  }

  async setNotificationLevel(level: NotificationLevel): Promise<void> {
    await this.attempt(() => setNotificationLevel(this.#session, this.#roomId, level));
  }

  async markRead(): Promise<void> {
    await this.attempt(() => markRoomRead(this.#session, this.#roomId));
  }

  async leave(): Promise<boolean> {
    return (
      (await this.attempt(async () => {
        await leaveRoom(this.#session, this.#roomId);
        return true;
      })) === true
    );
  }
}

function describeRoom(session: Session, roomId: string): Pick<RoomState, 'summary' | 'permissions' | 'presence'> {
  const summary = session.rooms.get(roomId);
  return {
    summary,
    permissions: readPermissions(session, roomId),
    presence: summary?.directUserId ? readPresence(session, summary.directUserId) : undefined,
  };
}
