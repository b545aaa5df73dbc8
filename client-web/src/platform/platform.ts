import { createDesktopNotifications, type DesktopNotifications } from './desktop-notifications.ts';
import { createLocalStore, type KeyValueStore } from './key-value-store.ts';
import { createNetwork, type Network } from './network.ts';
import { createPage, type Page } from './page.ts';
import { createWorkerFactory } from './store-worker.ts';

/** Everything the rest of the client takes from the browser, in one object that is passed along. */
export interface Platform {
  /** Milliseconds since 1970. */
  now(): number;
  /** Settings and logins of this device. */
  storage: KeyValueStore;
  /** Absent where the browser refuses it (some private windows): then nothing is kept between visits. */
  indexedDB: IDBFactory | undefined;
  /** Makes the worker that keeps what sync has brought; absent where there are no workers. */
  createStoreWorker: (() => Worker) | undefined;
  notifications: DesktopNotifications;
  network: Network;
  page: Page;
  /** Where the page came from: the homeserver's own origin. */
  origin: string;
}

/** @param storeWorkerUrl the script of the worker that keeps what sync has brought */
export function createBrowserPlatform(window: Window & typeof globalThis, storeWorkerUrl: string): Platform {
  return {
    now: () => Date.now(),
    storage: createLocalStore(window.localStorage),
    indexedDB: readIndexedDB(window),
    createStoreWorker: 'Worker' in window ? createWorkerFactory(window, storeWorkerUrl) : undefined,
    notifications: createDesktopNotifications(window),
    network: createNetwork(window),
    page: createPage(window),
    origin: window.location.origin,
  };
}

/** Reading the property throws where site data is switched off. */
function readIndexedDB(window: Window): IDBFactory | undefined {
  try {
    return window.indexedDB;
  } catch {
    return undefined;
  }
}
