import type { MediaHandle, MediaLoader, MediaRequest } from '../matrix/media.ts';

export type { MediaHandle, MediaRequest };

/** Gives views the pictures they show. */
export class MediaViewModel {
  readonly #loader: MediaLoader;

  constructor(loader: MediaLoader) {
    this.#loader = loader;
  }

  /** Must be released when the picture is no longer shown. */
  acquire(request: MediaRequest): MediaHandle {
    return this.#loader.acquire(request);
  }
}
