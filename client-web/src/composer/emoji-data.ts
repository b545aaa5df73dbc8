import deData from 'emojibase-data/de/data.json?url';
import deMessages from 'emojibase-data/de/messages.json?url';
import enData from 'emojibase-data/en/data.json?url';
import enMessages from 'emojibase-data/en/messages.json?url';
import shortcodes from 'emojibase-data/en/shortcodes/iamcal.json?url';
import { buildEmojiSet, type EmojiSet } from '../view-models/emoji.ts';

const files: ReadonlyMap<string, { data: string; messages: string }> = new Map([
  ['en', { data: enData, messages: enMessages }],
  ['de', { data: deData, messages: deMessages }],
]);

interface Messages {
  groups: { message: string; order: number }[];
}

async function fetchJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}

async function load(language: string): Promise<EmojiSet> {
  const { data, messages } = files.get(language) ?? { data: enData, messages: enMessages };
  const [raw, codes, words] = await Promise.all([
    fetchJson<Parameters<typeof buildEmojiSet>[0]>(data),
    fetchJson<Parameters<typeof buildEmojiSet>[1]>(shortcodes),
    fetchJson<Messages>(messages),
  ]);
  const groups = words.groups.toSorted((a, b) => a.order - b.order).map((group) => group.message);
  return buildEmojiSet(raw, codes, groups);
}

const loaded = new Map<string, Promise<EmojiSet>>();

/** The emoji with their names in a language, from our own origin; fetched when first needed. */
export function loadEmoji(language: string): Promise<EmojiSet> {
  const key = language.split('-')[0] ?? 'en';
  const known = loaded.get(key);
  if (known !== undefined) return known;
  const loading = load(key);
  loaded.set(key, loading);
  // Not kept when it failed: the next one who asks tries again.
  loading.catch(() => loaded.delete(key));
  return loading;
}
