import type { KeyValueStore } from '../platform/key-value-store.ts';

const KEY = 'emoji.recent';
const MAX_KEPT = 36;
const FIRST_OFFERED = ['👍\ufe0f', '❤\ufe0f', '😄', '🎉', '👀', '🙏'];

/** The emoji used last on this device, newest first. */
export function recentEmoji(storage: KeyValueStore): string[] {
  const stored = storage.get(KEY);
  return Array.isArray(stored) ? stored.filter((emoji) => typeof emoji === 'string').slice(0, MAX_KEPT) : [];
}

export function rememberEmoji(storage: KeyValueStore, emoji: string): void {
  storage.set(KEY, [emoji, ...recentEmoji(storage).filter((known) => known !== emoji)].slice(0, MAX_KEPT));
}

/** Six to react with at once, the likeliest first: the last used, filled up with common ones. */
export function quickReactions(storage: KeyValueStore): string[] {
  return [...new Set([...recentEmoji(storage), ...FIRST_OFFERED])].slice(0, FIRST_OFFERED.length);
}
