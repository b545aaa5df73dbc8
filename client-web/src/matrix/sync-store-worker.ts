import { IndexedDBStoreWorker } from 'matrix-js-sdk/lib/indexeddb-worker.js';

/**
 * The script of a worker that keeps what sync has brought in IndexedDB. For hundreds of rooms these are megabytes, which
 * must not be put together and taken apart where the page is drawn.
 */
const scope = globalThis as unknown as {
  postMessage: (message: unknown) => void;
  onmessage: ((event: MessageEvent) => void) | null;
};
scope.onmessage = new IndexedDBStoreWorker(scope.postMessage as never).onMessage;
