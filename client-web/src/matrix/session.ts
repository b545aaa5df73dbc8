import {
  ClientEvent,
  createClient,
  HttpApiEvent,
  IndexedDBStore,
  type ISendEventResponse,
  type MatrixClient,
  type MatrixError,
  MatrixScheduler,
  MemoryStore,
  PendingEventOrdering,
  SyncState,
} from 'matrix-js-sdk';
import type { Credentials } from '../platform/credentials.ts';
import type { Page } from '../platform/page.ts';
import type { Platform } from '../platform/platform.ts';
import type { MediaLoader } from './media.ts';
import { quietLogger } from './quiet-logger.ts';
import type { RoomSummaries } from './room-summaries.ts';
import { RoomWatcher } from './room-watcher.ts';
import { takeInSlices } from './sliced-sync.ts';
import type { SyncStatus } from './sync-status.ts';
import { forgetUnsent, keepUnsent } from './unsent.ts';

export interface SessionOptions {
  credentials: Credentials;
  platform: Platform;
  media: MediaLoader;
  /** Where the session puts what it learns of rooms. May hold what was known at the end of the last visit. */
  rooms: RoomSummaries;
  /** The room to load before all others. */
  firstRoomId: string | undefined;
}

/** One user signed in on one device: the Matrix client, its store and what is derived from them. */
export class Session {
  readonly userId: string;
  readonly deviceId: string;
  readonly baseUrl: string;
  readonly serverName: string;
  /** For `matrix/` only: view models are given plain data. */
  readonly client: MatrixClient;
  readonly media: MediaLoader;
  readonly rooms: RoomSummaries;
  readonly platform: Platform;
  readonly #watcher: RoomWatcher;
  readonly #firstRoomId: string | undefined;
  /** As far as the SDK knows, which may not have noticed yet that the connection is gone. */
  #sdkStatus: SyncStatus = 'starting';
  #status: SyncStatus = 'starting';
  readonly #listeners = new Set<() => void>();
  readonly #unwatchNetwork: () => void;

  private constructor(options: SessionOptions, client: MatrixClient) {
    const { credentials, platform } = options;
    this.userId = credentials.userId;
    this.deviceId = credentials.deviceId;
    this.baseUrl = credentials.baseUrl;
    this.serverName = credentials.userId.slice(credentials.userId.indexOf(':') + 1);
    this.platform = platform;
    this.client = client;
    this.media = options.media;
    this.rooms = options.rooms;
    this.#firstRoomId = options.firstRoomId;
    this.#watcher = new RoomWatcher(client, options.rooms, platform);
    client.on(ClientEvent.Sync, this.#onSync);
    client.on(HttpApiEvent.SessionLoggedOut, this.#onLoggedOut);
    this.#unwatchNetwork = platform.network.onChange(this.#onNetwork);
  }

  /** Opens the local store and makes a session that is not syncing yet. */
  static async create(options: SessionOptions): Promise<Session> {
    const { credentials, platform } = options;
    const { baseUrl, userId, deviceId, accessToken } = credentials;
    const { indexedDB, createStoreWorker: workerFactory } = platform;
    const store = indexedDB
      ? new IndexedDBStore({ indexedDB, dbName: databaseName(credentials), ...(workerFactory && { workerFactory }) })
      : new MemoryStore();
    keepUnsent(store, platform.storage, credentials);
    const client = createClient({
      baseUrl,
      userId,
      deviceId,
      accessToken,
      store,
      timelineSupport: true,
      disableVoip: true,
      scheduler: createScheduler(platform.page),
      logger: quietLogger,
    });
    // There are no calls yet, so nobody needs to look for them in every room or to know how the server carries them.
    client.matrixRTC.start = () => {};
    client.cachedRtcTransports.start = () => {};
    // Only now: what was kept is read into rooms that belong to this client.
    await store.startup();
    return new Session(options, client);
  }

  /** Begins to sync. Resolves once the sync loop runs, which is before the first answer. */
  async start(): Promise<void> {
    await this.client.startClient({
      initialSyncLimit: 10,
      lazyLoadMembers: true,
      threadSupport: true,
      pendingEventOrdering: PendingEventOrdering.Detached,
    });
    takeInSlices(this.client, {
      platform: this.platform,
      firstRoomId: this.#firstRoomId,
      onFirstRooms: () => {
        if (this.#sdkStatus !== 'starting') return;
        this.#watcher.flush();
        this.#sdkStatus = 'arriving';
        this.#updateStatus();
      },
    });
  }

  /** Whether a room's events and state can be had: its summary may be there long before. */
  hasRoom(roomId: string): boolean {
    return this.client.getRoom(roomId) !== null;
  }

  stop(): void {
    this.client.off(ClientEvent.Sync, this.#onSync);
    this.client.off(HttpApiEvent.SessionLoggedOut, this.#onLoggedOut);
    this.#unwatchNetwork();
    this.client.stopClient();
    this.#watcher.dispose();
    this.#listeners.clear();
  }

  /** Stops, and lets go of the store. */
  async close(): Promise<void> {
    this.stop();
    await this.client.store.destroy();
  }

  /** Ends the login on the server and deletes what this browser kept of it. */
  async signOut(): Promise<void> {
    try {
      await this.client.logout(true);
    } catch {
      // The server is away or has ended the login itself. Nothing is kept here either way; a login that stays behind can be
      // ended from another device.
    }
    this.stop();
    forgetUnsent(this.platform.storage, this);
    await this.client.clearStores();
    await this.client.store.destroy();
  }

  /** Tries to reach the server now instead of waiting for the next attempt. */
  reconnect(): void {
    this.client.retryImmediately();
  }

  getSyncStatus(): SyncStatus {
    return this.#status;
  }

  /** Returns the function that ends the subscription. */
  onSyncStatus(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  readonly #onSync = (state: SyncState, _previous: SyncState | null, data?: { fromCache?: boolean }): void => {
    const hasData = this.#sdkStatus !== 'starting' && this.#sdkStatus !== 'unreachable';
    if (state === SyncState.Prepared) this.#sdkStatus = data?.fromCache ? 'cached' : 'live';
    else if (state === SyncState.Syncing) this.#sdkStatus = 'live';
    else if (state === SyncState.Error) this.#sdkStatus = hasData ? 'offline' : 'unreachable';
    else if (hasData && state !== SyncState.Stopped) this.#sdkStatus = 'reconnecting';
    // The SDK itself waits until the server says that it is there, and counts no further failures meanwhile.
    else if (state === SyncState.Reconnecting) this.#sdkStatus = 'unreachable';
    this.#updateStatus();
  };

  readonly #onNetwork = (): void => {
    if (this.platform.network.isOnline()) this.reconnect();
    this.#updateStatus();
  };

  readonly #onLoggedOut = (error: MatrixError): void => {
    this.#setStatus(error.data.soft_logout === true ? 'expired' : 'signed-out');
    this.client.stopClient();
  };

  #updateStatus(): void {
    if (this.#status === 'expired' || this.#status === 'signed-out') return;
    // A long poll may hang for half a minute before it notices what the browser knows at once.
    const hasData = this.#sdkStatus !== 'starting' && this.#sdkStatus !== 'unreachable';
    this.#setStatus(hasData && !this.platform.network.isOnline() ? 'offline' : this.#sdkStatus);
  }

  #setStatus(status: SyncStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    for (const listener of [...this.#listeners]) listener();
  }
}

/**
 * Sends one event after the other in each room: side by side, two messages could change places, and an edit the one it follows.
 * Each is drawn before it is sent, and is kept by then where the end of the page does not reach it.
 */
function createScheduler(page: Page): MatrixScheduler<ISendEventResponse> {
  const scheduler = new MatrixScheduler<ISendEventResponse>(undefined, (event) => event.getRoomId() ?? null);
  const setProcessFunction = scheduler.setProcessFunction.bind(scheduler);
  scheduler.setProcessFunction = (send) =>
    setProcessFunction(async (event) => {
      await page.drawn();
      return await send(event);
    });
  return scheduler;
}

/** One database per login, so that two logins of one user in one browser do not share a sync token. */
function databaseName(credentials: Credentials): string {
  return `parley:${credentials.userId}:${credentials.deviceId}`;
}
