/** What the keyboard can do everywhere. Shown by `?`, in this order. */
export interface Shortcut {
  id:
    | 'switcher'
    | 'nextRoom'
    | 'previousRoom'
    | 'nextUnread'
    | 'previousUnread'
    | 'nextRegion'
    | 'previousRegion'
    | 'help';
  /** `mod` is ⌘ on Apple's keyboards and Ctrl elsewhere. */
  keys: readonly string[];
}

export const shortcuts: readonly Shortcut[] = [
  { id: 'switcher', keys: ['mod', 'K'] },
  { id: 'previousRoom', keys: ['alt', '↑'] },
  { id: 'nextRoom', keys: ['alt', '↓'] },
  { id: 'previousUnread', keys: ['alt', 'shift', '↑'] },
  { id: 'nextUnread', keys: ['alt', 'shift', '↓'] },
  { id: 'nextRegion', keys: ['F6'] },
  { id: 'previousRegion', keys: ['shift', 'F6'] },
  { id: 'help', keys: ['?'] },
];

export const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);

const names: Readonly<Record<string, string>> = isApple
  ? { mod: '⌘', alt: '⌥', shift: '⇧' }
  : { mod: 'Ctrl', alt: 'Alt', shift: 'Shift' };

/** The keys as they are written on the user's keyboard. */
export function keyNames(keys: readonly string[]): string[] {
  return keys.map((key) => names[key] ?? key);
}

/** In one word: `Ctrl K`, `⌘K`. */
export function keyText(keys: readonly string[]): string {
  return keyNames(keys).join(isApple ? '' : ' ');
}

/** Which of them a key press is. */
export function matchShortcut(event: KeyboardEvent): Shortcut['id'] | undefined {
  const mod = isApple ? event.metaKey : event.ctrlKey;
  if (mod && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') return 'switcher';
  if (event.ctrlKey || event.metaKey) return undefined;
  if (event.altKey && event.key === 'ArrowDown') return event.shiftKey ? 'nextUnread' : 'nextRoom';
  if (event.altKey && event.key === 'ArrowUp') return event.shiftKey ? 'previousUnread' : 'previousRoom';
  if (event.key === 'F6') return event.shiftKey ? 'previousRegion' : 'nextRegion';
  if (event.key === '?' && !isTyping(event.target)) return 'help';
  return undefined;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
