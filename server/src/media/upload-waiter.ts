import type { ServerName } from '../protocol/event.ts';
import type { Queryable } from '../storage/database.ts';
import { findUploaded } from '../storage/media.ts';

/** How long an upload that another process took may go unnoticed. */
const POLL_MS = 250;

/**
 * Lets requests wait until something is uploaded to a media id. Uploads of this process wake them at once; those of other
 * processes are found by one query for all who wait, every quarter of a second and only while somebody waits.
 */
export class UploadWaiter {
  readonly #db: Queryable;
  readonly #waiting = new Map<string, Set<() => void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(db: Queryable) {
    this.#db = db;
  }

  /** Returns once something was uploaded, the time is up or `signal` is aborted; which of them, the caller looks up. */
  async wait(serverName: ServerName, mediaId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const key = keyOf(serverName, mediaId);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    signal.addEventListener('abort', () => resolve(), { once: true });
    const others = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, others.add(resolve));
    this.#schedule();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      others.delete(resolve);
      if (others.size === 0 && this.#waiting.get(key) === others) this.#waiting.delete(key);
    }
  }

  /** Wakes who waits for this id in this process. */
  wake(serverName: ServerName, mediaId: string): void {
    for (const resolve of this.#waiting.get(keyOf(serverName, mediaId)) ?? []) resolve();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#poll()
        // The database is away: whoever waits goes on doing so, and asks it again in the end.
        .catch(() => {})
        .finally(() => {
          this.#timer = undefined;
          this.#schedule();
        });
    }, POLL_MS);
  }

  async #poll(): Promise<void> {
    const wanted = [...this.#waiting.keys()].map((key) => key.split(' '));
    const uploaded = await findUploaded(
      this.#db,
      wanted.map(([serverName]) => serverName ?? ''),
      wanted.map(([, mediaId]) => mediaId ?? ''),
    );
    for (const { serverName, mediaId } of uploaded) this.wake(serverName, mediaId);
  }
}

function keyOf(serverName: ServerName, mediaId: string): string {
  return `${serverName} ${mediaId}`;
}
