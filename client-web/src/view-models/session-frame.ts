import type { OwnProfile } from '../matrix/account.ts';
import { MediaLoader } from '../matrix/media.ts';
import { RoomSummaries } from '../matrix/room-summaries.ts';
import type { SyncStatus } from '../matrix/sync-status.ts';
import type { Credentials } from '../platform/credentials.ts';
import type { Platform } from '../platform/platform.ts';
import { readLastVisit, writeLastVisit } from './last-visit.ts';
import { MediaViewModel } from './media.ts';
import { PreferencesViewModel } from './preferences.ts';
import { RoomListViewModel } from './room-list.ts';
import type { SessionViewModel } from './session-view-model.ts';
import { ViewModel } from './view-model.ts';

export interface FrameState {
  sync: SyncStatus;
  /** Oneself; the name is the user id until it is known. */
  profile: OwnProfile;
}

/** Milliseconds from a change until it is kept for the next visit. The end of a page keeps it as well, where it is told. */
const keepDelayMs = 60_000;

/**
 * What can be drawn of a login before the Matrix SDK is there: the rooms as the last visit left them, and settings. The
 * session that fills it comes later. Nothing in here may import the SDK.
 */
export class SessionFrame extends ViewModel<FrameState> {
  readonly credentials: Credentials;
  readonly platform: Platform;
  readonly userId: string;
  readonly serverName: string;
  readonly loader: MediaLoader;
  readonly media: MediaViewModel;
  readonly preferences: PreferencesViewModel;
  readonly rooms: RoomSummaries;
  readonly roomList: RoomListViewModel;
  #session: SessionViewModel | undefined;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(credentials: Credentials, platform: Platform) {
    const { userId, baseUrl, accessToken } = credentials;
    const last = readLastVisit(platform.storage, userId);
    super({ sync: 'starting', profile: last?.profile ?? { userId, name: userId, avatarMxc: undefined } });
    this.credentials = credentials;
    this.platform = platform;
    this.userId = userId;
    this.serverName = userId.slice(userId.indexOf(':') + 1);
    this.loader = new MediaLoader({ baseUrl, accessToken });
    this.media = new MediaViewModel(this.loader);
    this.preferences = new PreferencesViewModel(platform.storage);
    this.rooms = new RoomSummaries(last?.rooms);
    this.roomList = new RoomListViewModel(this.rooms);
    this.own(() => this.roomList.dispose());
    this.own(() => this.loader.dispose());
  }

  /** Whether there is something to draw. */
  get isKnown(): boolean {
    return this.rooms.getAll().size > 0;
  }

  /** Shows what the session tells from now on, and keeps it for the next visit. */
  fill(session: SessionViewModel): void {
    this.#session = session;
    const update = () => this.set({ sync: session.getState().sync, profile: session.ownProfile.getState().profile });
    update();
    this.own(session.subscribe(update));
    this.own(session.ownProfile.subscribe(update));
    this.own(this.rooms.subscribe(() => this.#keepSoon()));
    this.own(this.platform.page.onHide(() => this.#keep()));
    this.own(() => clearTimeout(this.#keepTimer));
    this.own(() => session.dispose());
  }

  /** Tries to reach the server now instead of waiting for the next attempt. */
  reconnect(): void {
    this.#session?.reconnect();
  }

  #keepSoon(): void {
    this.#keepTimer ??= setTimeout(() => {
      this.#keepTimer = undefined;
      this.#keep();
    }, keepDelayMs);
  }

  #keep(): void {
    const { sync, profile } = this.getState();
    // A part of the rooms is worse than all of them as they were.
    if (sync !== 'starting' && sync !== 'arriving')
      writeLastVisit(this.platform.storage, { profile, rooms: this.rooms.getAll().values() });
  }
}
