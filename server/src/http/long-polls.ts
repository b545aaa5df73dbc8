import { LruCache } from '../base/lru-cache.ts';

/** Sessions that are remembered after their end: a poll whose access token was good a moment ago may begin after that. */
const REMEMBERED = 1_000;

/** The long polls of a listener, which are ended before their time. */
export class LongPolls {
  /** Each with the id of its access token. */
  readonly #controllers = new Map<AbortController, number | undefined>();
  readonly #endedSessions = new LruCache<number, true>(REMEMBERED);
  #isStopping = false;

  add(controller: AbortController, tokenId: number | undefined): void {
    this.#controllers.set(controller, tokenId);
    if (this.#isStopping) this.endAll();
    else if (tokenId !== undefined && this.#endedSessions.get(tokenId)) this.endSession(tokenId);
  }

  delete(controller: AbortController): void {
    this.#controllers.delete(controller);
  }

  /** Ends those of a session that has ended. */
  endSession(tokenId: number): void {
    this.#endedSessions.set(tokenId, true);
    for (const [controller, ofToken] of this.#controllers)
      if (ofToken === tokenId) controller.abort(new Error('The session has ended.'));
  }

  /** Ends all that wait, and from now on every one that begins to. */
  endAll(): void {
    this.#isStopping = true;
    for (const controller of this.#controllers.keys()) controller.abort(new Error('The server is stopping.'));
  }
}
