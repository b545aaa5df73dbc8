/** One emoji as completion and picker offer it. */
export interface Emoji {
  emoji: string;
  /** Its name in the user's language. */
  label: string;
  /** Words that find it, in the user's language. */
  tags: readonly string[];
  /** Short names such as `smile`, the same in every language. */
  shortcodes: readonly string[];
  /** Index into the set's groups. */
  group: number;
  /** Skin tones from light to dark, where it has them. */
  skins: readonly string[];
}

export interface EmojiSet {
  emoji: readonly Emoji[];
  groups: readonly string[];
  byShortcode: ReadonlyMap<string, string>;
}

interface RawEmoji {
  emoji: string;
  hexcode: string;
  label: string;
  tags?: readonly string[];
  group?: number;
  order?: number;
  version: number;
  skins?: readonly { emoji: string; tone: number | readonly number[] }[];
}

/** Newer emoji are missing from the fonts of systems still in use, and would show as empty boxes. */
const NEWEST_VERSION = 15;
/** Skin tones and hair as such, which are no emoji to send. */
const COMPONENTS = 2;

/**
 * Builds the set from Emojibase's data of one language and the table of short names by code points.
 *
 * @param groups names of the groups in the user's language, in order
 */
export function buildEmojiSet(
  raw: readonly RawEmoji[],
  shortcodes: Readonly<Record<string, string | readonly string[]>>,
  groups: readonly string[],
): EmojiSet {
  const table = new Map(Object.entries(shortcodes));
  const emoji = raw
    .filter((one) => one.group !== undefined && one.group !== COMPONENTS && one.version <= NEWEST_VERSION)
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .map((one) => ({
      emoji: one.emoji,
      label: one.label,
      tags: one.tags ?? [],
      shortcodes: [table.get(one.hexcode) ?? []].flat(),
      group: one.group ?? 0,
      // Two people of different tones are left out: five tones are what the picker offers.
      skins: (one.skins ?? []).filter((skin) => typeof skin.tone === 'number').map((skin) => skin.emoji),
    }));
  const byShortcode = new Map(emoji.flatMap((one) => one.shortcodes.map((code) => [code, one.emoji] as const)));
  return { emoji, groups, byShortcode };
}

/** Rank of a match, smaller is better; undefined for none. */
function rank(one: Emoji, query: string): number | undefined {
  if (one.shortcodes.includes(query)) return 0;
  if (one.shortcodes.some((code) => code.startsWith(query))) return 1;
  if (one.tags.includes(query)) return 2;
  if (one.label.toLowerCase().startsWith(query)) return 3;
  if (one.shortcodes.some((code) => code.includes(query))) return 4;
  return one.tags.some((tag) => tag.startsWith(query)) ? 5 : undefined;
}

/** The emoji that fit what was typed after the colon, best first; those used lately win between equals. */
export function searchEmoji(set: EmojiSet, typed: string, recent: readonly string[], limit: number): Emoji[] {
  const query = typed.toLowerCase();
  const recency = new Map(recent.map((emoji, index) => [emoji, index]));
  return set.emoji
    .flatMap((one, order) => {
      const matched = rank(one, query);
      return matched === undefined ? [] : [{ one, matched, recent: recency.get(one.emoji) ?? recent.length, order }];
    })
    .sort((a, b) => a.matched - b.matched || a.recent - b.recent || a.order - b.order)
    .slice(0, limit)
    .map(({ one }) => one);
}
