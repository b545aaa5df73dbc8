import type { KeyValueStore } from './key-value-store.ts';

export type ThemeChoice = 'system' | 'light' | 'dark';

const key = 'theme';
const darkQuery = '(prefers-color-scheme: dark)';

export function readTheme(store: KeyValueStore): ThemeChoice {
  const value = store.get(key);
  return value === 'light' || value === 'dark' ? value : 'system';
}

/** Remembers the choice and shows it at once. */
export function chooseTheme(window: Window, store: KeyValueStore, choice: ThemeChoice): void {
  store.set(key, choice);
  showTheme(window, choice);
}

/** Shows the remembered theme and follows the system's while that is the choice. Call once, before the first drawing. */
export function followTheme(window: Window, store: KeyValueStore): void {
  showTheme(window, readTheme(store));
  window.matchMedia(darkQuery).addEventListener('change', () => showTheme(window, readTheme(store)));
}

function showTheme(window: Window, choice: ThemeChoice): void {
  const dark = choice === 'dark' || (choice === 'system' && window.matchMedia(darkQuery).matches);
  window.document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}
