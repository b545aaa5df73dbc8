import { type RefObject, useCallback, useEffect, useId, useState } from 'react';
import type { CompletionContext } from '../../composer/completion-plugin.ts';
import type { EditorHandle } from '../../composer/Editor.tsx';
import { loadEmoji } from '../../composer/emoji-data.ts';
import { MAX_COMPLETIONS } from '../../view-models/completion.ts';
import type { Completion, ComposerViewModel } from '../../view-models/composer.ts';
import { type EmojiSet, searchEmoji } from '../../view-models/emoji.ts';
import { useLanguage } from '../i18n.tsx';

export interface CompletionState {
  /** Id of the list and, with a number after it, of its entries. */
  listId: string;
  entries: readonly Completion[];
  active: number;
  /** The word at the cursor changed. */
  onContext: (context: CompletionContext | undefined) => void;
  /** True when the key was for the open list. */
  onKey: (key: string) => boolean;
  choose: (entry: Completion) => void;
  findEmoji: (name: string) => string | undefined;
}

/** Completion of people, rooms and emoji: what is offered, which entry is chosen, and putting it into the text. */
export function useCompletion(composer: ComposerViewModel, editor: RefObject<EditorHandle | null>): CompletionState {
  const language = useLanguage();
  const listId = useId();
  const [emoji, setEmoji] = useState<EmojiSet>();
  const [context, setContext] = useState<CompletionContext>();
  const [entries, setEntries] = useState<readonly Completion[]>([]);
  const [active, setActive] = useState(0);

  const needsEmoji = context?.trigger === ':';
  useEffect(() => {
    if (!needsEmoji) return;
    let isWanted = true;
    loadEmoji(language).then(
      (set) => isWanted && setEmoji(set),
      () => {
        // No completion then; the picker says so when it is opened.
      },
    );
    return () => {
      isWanted = false;
    };
  }, [needsEmoji, language]);

  useEffect(() => {
    setActive(0);
    setEntries(context ? complete(composer, context, emoji) : []);
  }, [composer, context, emoji]);

  const choose = useCallback(
    (entry: Completion): void => {
      if (!context) return;
      const range = { from: context.from, to: context.to };
      if (entry.kind === 'emoji') {
        composer.rememberEmoji(entry.emoji);
        editor.current?.insert({ text: `${entry.emoji} ` }, range);
      } else {
        editor.current?.insert({ mention: mentionOf(entry) }, range);
      }
      setContext(undefined);
    },
    [composer, context, editor],
  );

  const onKey = (key: string): boolean => {
    if (entries.length === 0) return false;
    const entry = entries[active];
    if (key === 'ArrowDown') setActive((active + 1) % entries.length);
    else if (key === 'ArrowUp') setActive((active + entries.length - 1) % entries.length);
    else if ((key === 'Enter' || key === 'Tab') && entry) choose(entry);
    else if (key === 'Escape') setContext(undefined);
    else return false;
    return true;
  };

  return {
    listId,
    entries,
    active,
    onContext: setContext,
    onKey,
    choose,
    findEmoji: (name) => emoji?.byShortcode.get(name),
  };
}

function complete(composer: ComposerViewModel, context: CompletionContext, emoji: EmojiSet | undefined): Completion[] {
  if (context.trigger !== ':') return composer.complete(context.trigger, context.typed);
  if (!emoji) return [];
  return searchEmoji(emoji, context.typed, composer.recentEmoji, MAX_COMPLETIONS).map((one) => ({
    kind: 'emoji',
    key: one.emoji,
    emoji: one.emoji,
    label: one.label,
    ...(one.shortcodes[0] && { shortcode: one.shortcodes[0] }),
  }));
}

function mentionOf(entry: Exclude<Completion, { kind: 'emoji' }>): { id: string; label: string } {
  if (entry.kind === 'person') return { id: entry.person.id, label: entry.person.name };
  if (entry.kind === 'everyone') return { id: '@room', label: '@room' };
  return { id: entry.id, label: entry.id };
}
