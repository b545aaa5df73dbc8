/** Name of the error of a part of the app that could not be fetched: the same page will never get it. */
const NAME = 'MissingPart';

const key = 'parley:reloaded-at';
const pauseMs = 60_000;

/**
 * After an update of the server, a page that was open before asks for parts that are gone. Loading it again gets the new
 * ones; but only once in a while, in case they are missing for another reason: then the error is marked for who shows it.
 */
export function reloadForUpdates(window: Window): void {
  window.addEventListener('vite:preloadError', (event) => {
    event.payload.name = NAME;
    if (Date.now() - Number(window.sessionStorage.getItem(key)) < pauseMs) return;
    window.sessionStorage.setItem(key, String(Date.now()));
    window.location.reload();
  });
}

export function isMissingPart(error: unknown): boolean {
  return error instanceof Error && error.name === NAME;
}
