/**
 * Event types, state keys and other strings of peers may hold what a Postgres `text` refuses: NUL and lone surrogates.
 * U+E000 (a private-use character) escapes them, and itself, so that different strings stay different.
 */
const UNSTORABLE = /[\0\ue000]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function toStoredText(text: string): string {
  UNSTORABLE.lastIndex = 0;
  if (!UNSTORABLE.test(text)) return text;
  return text.replace(UNSTORABLE, (unit) => `\ue000${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function fromStoredText(stored: string): string {
  if (!stored.includes('\ue000')) return stored;
  return stored.replace(/\ue000([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
