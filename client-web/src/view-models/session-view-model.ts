import { Session, type SyncStatus } from '../matrix/session.ts';
import type { Credentials } from '../platform/credentials.ts';
import type { Platform } from '../platform/platform.ts';
import { MediaViewModel } from './media.ts';
import { RoomListViewModel } from './room-list.ts';
import { ViewModel } from './view-model.ts';

export interface SessionState {
  sync: SyncStatus;
}

/** The root of all view models of a signed-in user: makes the others and lives as long as the login. */
export class SessionViewModel extends ViewModel<SessionState> {
  readonly userId: string;
  readonly serverName: string;
  readonly platform: Platform;
  readonly media: MediaViewModel;
  readonly roomList: RoomListViewModel;
  readonly #session: Session;

  constructor(session: Session) {
    super({ sync: session.getSyncStatus() });
    this.#session = session;
    this.userId = session.userId;
    this.serverName = session.serverName;
    this.platform = session.platform;
    this.media = new MediaViewModel(session.media);
    this.roomList = new RoomListViewModel(session);
    this.own(() => this.roomList.dispose());
    this.own(session.onSyncStatus(() => this.set({ sync: session.getSyncStatus() })));
    this.own(() => session.stop());
  }

  /** Ends the login on the server and deletes what is kept of it here. */
  async signOut(): Promise<void> {
    await this.#session.signOut();
    this.dispose();
  }
}

/** Makes the session of a login and starts it. */
export async function openSession(credentials: Credentials, platform: Platform): Promise<SessionViewModel> {
  const session = await Session.create(credentials, platform);
  const viewModel = new SessionViewModel(session);
  await session.start();
  return viewModel;
}
