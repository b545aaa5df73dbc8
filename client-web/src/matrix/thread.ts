import type { Thread } from 'matrix-js-sdk';

/** What the SDK's threads keep of their first fetch; it is private there, and the version of the SDK is pinned. */
interface ThreadStart {
  initalEventFetchProm?: Promise<boolean> | undefined;
  processRootEventPromise?: Promise<void> | undefined;
  updateThreadMetadata(): Promise<void>;
}

/**
 * Waits until a thread's latest messages are there. Rejects when they cannot be had; a later call tries again, which the SDK
 * itself does not: it remembers the failure.
 */
export async function fetchThread(thread: Thread): Promise<void> {
  if (thread.initialEventsFetched) return;
  const start = thread as unknown as ThreadStart;
  try {
    await start.updateThreadMetadata();
    if (!thread.initialEventsFetched) throw new Error('The thread could not be fetched');
  } catch (error) {
    start.initalEventFetchProm = undefined;
    start.processRootEventPromise = undefined;
    throw error;
  }
}
