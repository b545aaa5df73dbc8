import { resendAfterOutage, resendWhileLive } from '../matrix/send.ts';
import { Session } from '../matrix/session.ts';
import type { SyncStatus } from '../matrix/sync-status.ts';
import type { Platform } from '../platform/platform.ts';
import { ChangePasswordViewModel } from './change-password.ts';
import { type ComposerViewModel, createComposerViewModel } from './composer.ts';
import { CreateChannelViewModel } from './create-channel.ts';
import { DevicesViewModel } from './devices.ts';
import type { MediaViewModel } from './media.ts';
import { MemberViewModel } from './member.ts';
import { MemberListViewModel } from './members.ts';
import { NotificationsViewModel } from './notifications.ts';
import { OwnProfileViewModel } from './own-profile.ts';
import { PeoplePickerViewModel } from './people-picker.ts';
import type { PreferencesViewModel } from './preferences.ts';
import { RoomViewModel } from './room.ts';
import { RoomDirectoryViewModel } from './room-directory.ts';
import type { RoomListViewModel } from './room-list.ts';
import { RoomPreviewViewModel } from './room-preview.ts';
import { RoomSettingsViewModel } from './room-settings.ts';
import type { SessionFrame } from './session-frame.ts';
import { createTimelineViewModel, type TimelineOptions, type TimelineViewModel } from './timeline.ts';
import { UploadQueue } from './upload-queue.ts';
import { ViewModel } from './view-model.ts';

export interface SessionState {
  sync: SyncStatus;
}

/** The root of all view models of a signed-in user: makes the others and lives as long as the frame that it fills. */
export class SessionViewModel extends ViewModel<SessionState> {
  readonly userId: string;
  readonly serverName: string;
  readonly platform: Platform;
  readonly media: MediaViewModel;
  readonly preferences: PreferencesViewModel;
  readonly ownProfile: OwnProfileViewModel;
  readonly roomList: RoomListViewModel;
  readonly notifications: NotificationsViewModel;
  readonly #session: Session;
  /** By room and thread: files wait and are sent while one looks at other rooms. */
  readonly #uploads = new Map<string, UploadQueue>();

  constructor(session: Session, frame: SessionFrame) {
    super({ sync: session.getSyncStatus() });
    const { platform } = session;
    this.#session = session;
    this.userId = session.userId;
    this.serverName = session.serverName;
    this.platform = platform;
    this.media = frame.media;
    this.preferences = frame.preferences;
    this.roomList = frame.roomList;
    this.ownProfile = new OwnProfileViewModel(session, frame.getState().profile);
    this.notifications = new NotificationsViewModel(session, platform.notifications, this.preferences);
    for (const part of [this.ownProfile, this.notifications]) this.own(() => part.dispose());
    this.own(
      session.onSyncStatus(() => {
        this.set({ sync: session.getSyncStatus() });
        if (this.getState().sync === 'live') void resendAfterOutage(session);
      }),
    );
    this.own(resendWhileLive(session));
    this.own(() => void session.close());
  }

  // Each of these belongs to the view that asks for it, which disposes of it.

  createRoom(roomId: string): RoomViewModel {
    return new RoomViewModel(this.#session, roomId);
  }

  createTimeline(roomId: string, options: TimelineOptions): TimelineViewModel {
    return createTimelineViewModel(this.#session, roomId, options);
  }

  createComposer(roomId: string, { threadId }: { threadId?: string | undefined }): ComposerViewModel {
    const uploads = this.#uploadsOf(roomId, threadId);
    return createComposerViewModel(this.#session, roomId, { threadId, uploads });
  }

  createRoomPreview(roomIdOrAlias: string, via: readonly string[]): RoomPreviewViewModel {
    return new RoomPreviewViewModel(this.#session, roomIdOrAlias, via);
  }

  createRoomSettings(roomId: string): RoomSettingsViewModel {
    return new RoomSettingsViewModel(this.#session, roomId);
  }

  createMemberList(roomId: string): MemberListViewModel {
    return new MemberListViewModel(this.#session, roomId);
  }

  createMember(roomId: string, userId: string): MemberViewModel {
    return new MemberViewModel(this.#session, roomId, userId);
  }

  /** With a room id for inviting to that room, without for a direct message. */
  createPeoplePicker(roomId: string | undefined): PeoplePickerViewModel {
    return new PeoplePickerViewModel(this.#session, roomId);
  }

  createNewChannel(): CreateChannelViewModel {
    return new CreateChannelViewModel(this.#session);
  }

  createRoomDirectory(): RoomDirectoryViewModel {
    return new RoomDirectoryViewModel(this.#session);
  }

  createDevices(): DevicesViewModel {
    return new DevicesViewModel(this.#session);
  }

  createChangePassword(): ChangePasswordViewModel {
    return new ChangePasswordViewModel(this.#session);
  }

  /** The id of a room given by its id or by an alias of it; undefined for rooms the user has nothing to do with. */
  findRoomId(roomIdOrAlias: string): string | undefined {
    if (this.#session.rooms.get(roomIdOrAlias)) return roomIdOrAlias;
    for (const summary of this.#session.rooms.getAll().values()) {
      if (summary.canonicalAlias === roomIdOrAlias && summary.membership === 'join') return summary.roomId;
    }
    return undefined;
  }

  /** Whether a room can be opened already. A change of `sync` is the time to ask again. */
  hasRoom(roomId: string): boolean {
    return this.#session.hasRoom(roomId);
  }

  /** Tries to reach the server now instead of waiting for the next attempt. */
  reconnect(): void {
    this.#session.reconnect();
  }

  #uploadsOf(roomId: string, threadId: string | undefined): UploadQueue {
    const key = `${roomId} ${threadId ?? ''}`;
    const known = this.#uploads.get(key);
    if (known) return known;
    const uploads = new UploadQueue(this.#session, { roomId, threadId });
    this.#uploads.set(key, uploads);
    this.own(() => uploads.dispose());
    return uploads;
  }

  /** Ends the login on the server and deletes what is kept of it here. */
  async signOut(): Promise<void> {
    await this.#session.signOut();
    this.dispose();
  }
}

/** Makes the session that fills a frame, and starts it. */
export async function openSession(frame: SessionFrame): Promise<SessionViewModel> {
  const { credentials, platform, rooms, loader: media } = frame;
  const firstRoomId = frame.preferences.getState().lastRoomId;
  const session = await Session.create({ credentials, platform, media, rooms, firstRoomId });
  const viewModel = new SessionViewModel(session, frame);
  await session.start();
  return viewModel;
}
