import { Extension } from '@tiptap/core';
import type { EditorState } from '@tiptap/pm/state';
import { Plugin, PluginKey } from '@tiptap/pm/state';

/** The word at the cursor that can be completed. Positions are those of the document. */
export interface CompletionContext {
  trigger: '@' | '#' | ':';
  /** What stands after the trigger. */
  typed: string;
  from: number;
  to: number;
}

const TRIGGER = /(?:^|[\s([{"'])([@#:])([^\s@#:]{0,40})$/;
const OBJECT = '\ufffc';

/** Finds the word that is being typed at the cursor; nothing inside code, or while text is selected. */
export function findCompletion(state: EditorState): CompletionContext | undefined {
  const { $from, empty } = state.selection;
  if (!empty || $from.parent.type.spec.code || $from.marks().some((mark) => mark.type.name === 'code'))
    return undefined;
  const before = $from.parent.textBetween(0, $from.parentOffset, undefined, OBJECT);
  const match = TRIGGER.exec(before);
  const trigger = match?.[1] as CompletionContext['trigger'] | undefined;
  const typed = match?.[2] ?? '';
  // A colon alone is punctuation.
  if (trigger === undefined || (trigger === ':' && typed.length < 2)) return undefined;
  return { trigger, typed, from: $from.pos - typed.length - 1, to: $from.pos };
}

const isSame = (a: CompletionContext | undefined, b: CompletionContext | undefined): boolean =>
  a?.trigger === b?.trigger && a?.typed === b?.typed && a?.from === b?.from;

/** Tells when the word at the cursor that can be completed changes. */
export const completionWatcher = (onChange: (context: CompletionContext | undefined) => void) =>
  Extension.create({
    name: 'completionWatcher',
    addProseMirrorPlugins() {
      let current: CompletionContext | undefined;
      return [
        new Plugin({
          key: new PluginKey('completionWatcher'),
          view: () => ({
            update: (view) => {
              const next = view.composing ? current : findCompletion(view.state);
              if (isSame(current, next)) return;
              current = next;
              onChange(next);
            },
          }),
        }),
      ];
    },
  });

const SHORTCODE = /(?:^|[\s(])(:([a-z0-9_+-]{2,40}):)$/i;

/** The `:smile:` that was just closed before the cursor, with its place in the document. */
export function findShortcode(state: EditorState): { name: string; from: number; to: number } | undefined {
  const { $from, empty } = state.selection;
  if (!empty || $from.parent.type.spec.code) return undefined;
  const match = SHORTCODE.exec($from.parent.textBetween(0, $from.parentOffset, undefined, OBJECT));
  const [, whole, name] = match ?? [];
  if (whole === undefined || name === undefined) return undefined;
  return { name: name.toLowerCase(), from: $from.pos - whole.length, to: $from.pos };
}
