import { type EditorOptions, Editor as TiptapEditor } from '@tiptap/core';
import { Placeholder } from '@tiptap/extension-placeholder';
import { EditorState, Selection } from '@tiptap/pm/state';
import type { EditorView } from '@tiptap/pm/view';
import { StarterKit } from '@tiptap/starter-kit';
import { type Ref, type RefObject, useEffect, useImperativeHandle, useLayoutEffect, useRef } from 'react';
import type { DocumentNode } from '../view-models/composer-document.ts';
import { looksLikeMarkdown } from '../view-models/markdown-signs.ts';
import { type ChatKeyHandlers, handleChatKey } from './chat-keys.ts';
import { type CompletionContext, completionWatcher, findShortcode } from './completion-plugin.ts';
import styles from './Editor.module.css';
import { applyFormat, type Format, type FormatState, readFormats } from './formats.ts';
import { Mention } from './mention.ts';

const EMPTY: DocumentNode = { type: 'doc', content: [{ type: 'paragraph' }] };

/** What a piece of text at the cursor is replaced by. */
export type Insertion = { text: string } | { mention: { id: string; label: string } };

export interface EditorHandle {
  focus: () => void;
  document: () => DocumentNode;
  /** Replaces everything, with the cursor at the end. */
  load: (document: DocumentNode | undefined) => void;
  /** Forgets what was written, so that undoing does not bring it back. */
  forget: () => void;
  /** Puts something at the cursor, or in place of `range`. */
  insert: (insertion: Insertion, range?: { from: number; to: number }) => void;
  format: (format: Format) => void;
}

export interface EditorProps {
  ref: Ref<EditorHandle>;
  /** Read aloud as the field's name. */
  label: string;
  placeholder: string;
  keys: ChatKeyHandlers;
  /** Ids of the list of completions and of its chosen entry, for assistive technology. */
  completionId: string | undefined;
  activeCompletionId: string | undefined;
  /** Looks up `:name:`; undefined when there is no such emoji, or the table is not loaded yet. */
  findEmoji: (name: string) => string | undefined;
  onChange: (document: DocumentNode) => void;
  onCompletion: (context: CompletionContext | undefined) => void;
  onFormats: (state: FormatState) => void;
  onFiles: (files: File[]) => void;
  onReady: () => void;
}

/** The field that messages are written in: formatted text as far as Matrix's HTML goes, with Markdown as typed. */
export function Editor(props: EditorProps) {
  // The editor lives longer than one drawing; its callbacks always find the latest properties here.
  const latest = useRef(props);
  const container = useRef<HTMLDivElement>(null);
  const editor = useRef<TiptapEditor>(undefined);
  useLayoutEffect(() => {
    latest.current = props;
  });
  const { ref, label, completionId, activeCompletionId, placeholder } = props;
  useImperativeHandle(ref, () => createHandle(editor), []);

  useEffect(() => {
    const made = new TiptapEditor({ element: container.current, ...editorOptions(latest) });
    editor.current = made;
    latest.current.onReady();
    return () => {
      editor.current = undefined;
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const attributes = {
      'aria-label': label,
      'aria-controls': completionId,
      'aria-activedescendant': activeCompletionId,
    };
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined) editor.current?.view.dom.removeAttribute(name);
      else editor.current?.view.dom.setAttribute(name, value);
    }
  }, [label, completionId, activeCompletionId]);

  // Another placeholder shows with the next state of the editor.
  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn again because the placeholder is another one
  useEffect(() => editor.current?.view.dispatch(editor.current.state.tr), [placeholder]);

  return <div ref={container} className={styles.editor} />;
}

type Latest = RefObject<EditorProps>;

function editorOptions(latest: Latest): Partial<EditorOptions> {
  return {
    injectCSS: false,
    // Always as JSON: text would be parsed as HTML, which Trusted Types rightly refuse.
    content: EMPTY,
    extensions: [
      StarterKit.configure({
        heading: { levels: [1, 2, 3] },
        link: { openOnClick: false, autolink: false, linkOnPaste: true, defaultProtocol: 'https' },
        dropcursor: false,
        trailingNode: false,
      }),
      Mention,
      Placeholder.configure({ placeholder: () => latest.current.placeholder }),
      completionWatcher((context) => latest.current.onCompletion(context)),
    ],
    onUpdate: ({ editor }) => {
      if (replaceShortcode(editor, latest.current.findEmoji)) return;
      latest.current.onChange(editor.getJSON() as DocumentNode);
    },
    onTransaction: ({ editor }) => latest.current.onFormats(readFormats(editor)),
    onBlur: ({ editor }) => latest.current.onFormats({ ...readFormats(editor), selection: undefined }),
    editorProps: {
      attributes: { role: 'textbox', 'aria-multiline': 'true', 'aria-autocomplete': 'list', dir: 'auto' },
      handleKeyDown: (view, event) => {
        const { editor } = view.dom as HTMLElement & { editor?: TiptapEditor };
        return editor !== undefined && handleChatKey(editor, event, latest.current.keys);
      },
      handlePaste: (view, event) => pasteFiles(event, latest) || pasteMarkdown(view, event),
      // Files are dropped on the whole region, which takes them.
      handleDrop: (_view, event) => (event.dataTransfer?.files.length ?? 0) > 0,
    },
  };
}

function replaceShortcode(editor: TiptapEditor, findEmoji: (name: string) => string | undefined): boolean {
  const shortcode = findShortcode(editor.state);
  const emoji = shortcode && findEmoji(shortcode.name);
  if (!shortcode || !emoji) return false;
  editor.chain().insertContentAt({ from: shortcode.from, to: shortcode.to }, { type: 'text', text: emoji }).run();
  return true;
}

/** Pictures from the clipboard. Text that comes with a picture of itself (from an office program) is the text. */
function pasteFiles(event: ClipboardEvent, latest: Latest): boolean {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length === 0 || event.clipboardData?.getData('text/plain')) return false;
  latest.current.onFiles(files);
  return true;
}

function pasteMarkdown(view: EditorView, event: ClipboardEvent): boolean {
  const text = event.clipboardData?.getData('text/plain') ?? '';
  const hasHtml = event.clipboardData?.types.includes('text/html');
  if (hasHtml || view.state.selection.$from.parent.type.spec.code || !looksLikeMarkdown(text)) return false;
  void import('../view-models/markdown.ts').then(
    ({ renderMarkdown }) => view.pasteHTML(renderMarkdown(text)),
    () => view.pasteText(text),
  );
  return true;
}

function createHandle(editor: RefObject<TiptapEditor | undefined>): EditorHandle {
  return {
    focus: () => {
      const made = editor.current;
      const isThere = made?.isFocused && made.state.selection.eq(Selection.atEnd(made.state.doc));
      if (!isThere) made?.commands.focus('end', { scrollIntoView: false });
    },
    document: () => (editor.current?.getJSON() as DocumentNode | undefined) ?? EMPTY,
    load: (document) => {
      editor.current?.commands.setContent(document ?? EMPTY, { emitUpdate: false, errorOnInvalidContent: false });
    },
    forget: () => {
      const made = editor.current;
      if (!made) return;
      const { doc, selection, plugins } = made.state;
      made.view.updateState(EditorState.create({ doc, selection, plugins }));
    },
    insert: (insertion, range) => {
      const made = editor.current;
      if (!made) return;
      const content =
        'text' in insertion
          ? { type: 'text', text: insertion.text }
          : [
              { type: 'mention', attrs: insertion.mention },
              { type: 'text', text: ' ' },
            ];
      const { from, to } = made.state.selection;
      made
        .chain()
        .focus()
        .insertContentAt(range ?? { from, to }, content)
        .run();
    },
    format: (format) => {
      if (editor.current) applyFormat(editor.current, format);
    },
  };
}
