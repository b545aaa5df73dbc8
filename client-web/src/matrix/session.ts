import {
  ClientEvent,
  createClient,
  HttpApiEvent,
  IndexedDBStore,
  type MatrixClient,
  type MatrixError,
  MemoryStore,
  PendingEventOrdering,
  SyncState,
} from 'matrix-js-sdk';
import type { Credentials } from '../platform/credentials.ts';
import type { Platform } from '../platform/platform.ts';
import { MediaLoader } from './media.ts';
import { quietLogger } from './quiet-logger.ts';
import { RoomStore } from './rooms.ts';

/**
 * - `starting`: nothing to show yet
 * - `cached`: what was kept from the last visit is there, the server has not answered yet
 * - `live`: up to date
 * - `reconnecting`: the connection broke a moment ago
 * - `offline`: several attempts have failed, or the browser has no connection at all
 * - `unreachable`: the server has not answered yet and nothing was kept from an earlier visit
 * - `expired`: the server no longer knows this login, but keeps the device (soft logout)
 * - `signed-out`: the server no longer knows this login
 */
export type SyncStatus =
  | 'starting'
  | 'cached'
  | 'live'
  | 'reconnecting'
  | 'offline'
  | 'unreachable'
  | 'expired'
  | 'signed-out';

/** One user signed in on one device: the Matrix client, its store and what is derived from them. */
export class Session {
  readonly userId: string;
  readonly deviceId: string;
  readonly baseUrl: string;
  readonly serverName: string;
  /** For `matrix/` only: view models are given plain data. */
  readonly client: MatrixClient;
  readonly media: MediaLoader;
  readonly rooms: RoomStore;
  readonly platform: Platform;
  /** As far as the SDK knows, which may not have noticed yet that the connection is gone. */
  #sdkStatus: SyncStatus = 'starting';
  #status: SyncStatus = 'starting';
  readonly #listeners = new Set<() => void>();
  readonly #unwatchNetwork: () => void;

  private constructor(credentials: Credentials, platform: Platform, client: MatrixClient) {
    this.userId = credentials.userId;
    this.deviceId = credentials.deviceId;
    this.baseUrl = credentials.baseUrl;
    this.serverName = credentials.userId.slice(credentials.userId.indexOf(':') + 1);
    this.platform = platform;
    this.client = client;
    this.media = new MediaLoader({ baseUrl: credentials.baseUrl, accessToken: credentials.accessToken });
    this.rooms = new RoomStore(client);
    client.on(ClientEvent.Sync, this.#onSync);
    client.on(HttpApiEvent.SessionLoggedOut, this.#onLoggedOut);
    this.#unwatchNetwork = platform.network.onChange(this.#onNetwork);
  }

  /** Opens the local store and makes a session that is not syncing yet. */
  static async create(credentials: Credentials, platform: Platform): Promise<Session> {
    const { baseUrl, userId, deviceId, accessToken } = credentials;
    const store = platform.indexedDB
      ? new IndexedDBStore({ indexedDB: platform.indexedDB, dbName: databaseName(credentials) })
      : new MemoryStore();
    const client = createClient({
      baseUrl,
      userId,
      deviceId,
      accessToken,
      store,
      timelineSupport: true,
      disableVoip: true,
      logger: quietLogger,
    });
    // There are no calls yet, so nobody needs to look for them in every room or to know how the server carries them.
    client.matrixRTC.start = () => {};
    client.cachedRtcTransports.start = () => {};
    // Only now: what was kept is read into rooms that belong to this client.
    await store.startup();
    return new Session(credentials, platform, client);
  }

  /** Begins to sync. Resolves once the sync loop runs, which is before the first answer. */
  async start(): Promise<void> {
    await this.client.startClient({
      initialSyncLimit: 20,
      lazyLoadMembers: true,
      threadSupport: true,
      pendingEventOrdering: PendingEventOrdering.Detached,
    });
  }

  stop(): void {
    this.client.off(ClientEvent.Sync, this.#onSync);
    this.client.off(HttpApiEvent.SessionLoggedOut, this.#onLoggedOut);
    this.#unwatchNetwork();
    this.client.stopClient();
    this.rooms.dispose();
    this.media.dispose();
    this.#listeners.clear();
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
    await this.client.clearStores();
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

/** One database per login, so that two logins of one user in one browser do not share a sync token. */
function databaseName(credentials: Credentials): string {
  return `parley:${credentials.userId}:${credentials.deviceId}`;
}
