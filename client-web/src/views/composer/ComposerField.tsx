import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { Editor, type EditorHandle } from '../../composer/Editor.tsx';
import type { FormatState } from '../../composer/formats.ts';
import { sanitiseHtml } from '../../platform/message-html.ts';
import type {
  ComposerState,
  ComposerViewModel,
  DocumentNode,
  LoadRequest,
  UploadItem,
} from '../../view-models/composer.ts';
import { documentFromHtml, documentFromText } from '../../view-models/document-from-html.ts';
import { useT } from '../i18n.tsx';
import { classes } from '../ui/classes.ts';
import { useStableCallback } from '../ui/use-stable-callback.ts';
import { useViewModel } from '../ui/use-view-model.ts';
import { CompletionList } from './CompletionList.tsx';
import { ComposerButtons, FileButton } from './ComposerButtons.tsx';
import styles from './ComposerField.module.css';
import { ContextBar } from './ContextBar.tsx';
import { FormatToolbar } from './FormatToolbar.tsx';
import { UploadTray } from './UploadTray.tsx';
import { useCompletion } from './use-completion.ts';
import { useFileDrop } from './use-file-drop.ts';

const NO_FORMATS: FormatState = { active: [], selection: undefined, isEmpty: true };

/**
 * The field with everything around it: what is answered, files, formats, completion, emoji and the send button. It stays from
 * room to room, as an editor takes long to make.
 */
export function ComposerField({ composer }: { composer: ComposerViewModel }) {
  const t = useT('composer');
  const state = useViewModel(composer);
  const { items } = useViewModel(composer.uploads);
  const editor = useRef<EditorHandle>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [formats, setFormats] = useState(NO_FORMATS);
  const [isToolbarOpen, setToolbarOpen] = useState(false);
  const completion = useCompletion(composer, editor);
  useLoad(editor, composer, state.load);
  useEffect(() => {
    if (state.focusRequest > 0) editor.current?.focus();
  }, [state.focusRequest]);

  const send = useStableCallback((): void => {
    const document = editor.current?.document();
    if (document && composer.send(document)) editor.current?.load(undefined);
  });
  const addFiles = useStableCallback((files: File[]) => composer.uploads.add(files));
  const insertEmoji = useStableCallback((emoji: string): void => {
    composer.rememberEmoji(emoji);
    editor.current?.insert({ text: emoji });
  });
  const isDropping = useFileDrop(frame, addFiles);
  const toggleToolbar = useCallback(() => setToolbarOpen((isOpen) => !isOpen), []);
  const canSend = !formats.isEmpty || canBeEmpty(state, items);
  const name = t(composer.threadId ? 'placeholderThread' : 'placeholder', { name: `\u2068${state.roomName}\u2069` });

  return (
    <div ref={frame} className={classes(styles.frame, isDropping && styles.dropping)}>
      <CompletionList completion={completion} />
      {formats.selection && !isToolbarOpen && (
        <FloatingToolbar
          formats={formats}
          frame={frame.current}
          onFormat={(format) => editor.current?.format(format)}
        />
      )}
      <ContextBar replyTo={state.replyTo} editing={state.editing} onCancel={() => composer.cancel()} />
      <UploadTray uploads={composer.uploads} />
      <div className={styles.line}>
        <FileButton onFiles={addFiles} />
        <div className={styles.field}>
          <Editor
            ref={editor}
            label={name}
            placeholder={state.editing ? t('placeholderEdit') : name}
            keys={{
              onCompletionKey: completion.onKey,
              send,
              editLast: () => composer.editLast(),
              cancel: () => composer.cancel(),
              isEnterNewLine: () => window.matchMedia('(pointer: coarse) and (hover: none)').matches,
            }}
            completionId={completion.entries.length > 0 ? completion.listId : undefined}
            activeCompletionId={completion.entries.length > 0 ? `${completion.listId}-${completion.active}` : undefined}
            findEmoji={completion.findEmoji}
            onChange={(document) => composer.changed(document)}
            onCompletion={completion.onContext}
            onFormats={(next) => setFormats((now) => (isSameFormats(now, next) ? now : next))}
            onFiles={addFiles}
            onReady={() => loadInto(editor.current, state.load)}
          />
        </div>
        <ComposerButtons
          isToolbarOpen={isToolbarOpen}
          isEditing={state.editing !== undefined}
          canSend={canSend}
          onToggleToolbar={toggleToolbar}
          onEmoji={insertEmoji}
          onSend={send}
        />
      </div>
      {isToolbarOpen && (
        <div className={styles.toolbar}>
          <FormatToolbar formats={formats} onFormat={(format) => editor.current?.format(format)} />
        </div>
      )}
      {isDropping && <div className={styles.dropHint}>{t('dropFiles')}</div>}
    </div>
  );
}

/** Whether there is something to send without words: files, or a caption that is taken away. */
function canBeEmpty({ editing }: ComposerState, items: readonly UploadItem[]): boolean {
  return editing ? editing.body.kind !== 'text' : items.some((item) => item.status === 'waiting');
}

function isSameFormats(a: FormatState, b: FormatState): boolean {
  return (
    a.isEmpty === b.isEmpty &&
    a.selection?.left === b.selection?.left &&
    a.selection?.top === b.selection?.top &&
    a.active.join() === b.active.join()
  );
}

/** What can be changed of a message: its text, or a file's caption. */
function wordsOf(message: LoadRequest['message']): { text: string; html?: string; style?: string } | undefined {
  const body = message?.body;
  if (body?.kind === 'text') return body;
  return body && 'caption' in body ? body.caption : undefined;
}

/** The document for what the view model wants in the field. */
function documentOf(load: LoadRequest): DocumentNode | undefined {
  const body = wordsOf(load.message);
  if (!body) return load.draft;
  const nodes = body.html === undefined ? undefined : sanitiseHtml(body.html);
  const document = nodes ? documentFromHtml(nodes) : documentFromText(body.text);
  const [first] = document.content ?? [];
  if (body.style !== 'emote' || first?.type !== 'paragraph') return document;
  return {
    ...document,
    content: [
      { ...first, content: [{ type: 'text', text: '/me ' }, ...(first.content ?? [])] },
      ...(document.content ?? []).slice(1),
    ],
  };
}

function loadInto(editor: EditorHandle | null, load: LoadRequest): void {
  editor?.load(documentOf(load));
  if (load.message) editor?.focus();
}

/** Puts into the field what the view model asks for after the first time, and what another one has. */
function useLoad(editor: React.RefObject<EditorHandle | null>, composer: ComposerViewModel, load: LoadRequest): void {
  const done = useRef({ composer, request: load.request });
  useLayoutEffect(() => {
    const before = done.current;
    if (before.composer === composer && before.request === load.request) return;
    done.current = { composer, request: load.request };
    loadInto(editor.current, load);
    if (before.composer !== composer) editor.current?.forget();
  }, [editor, composer, load]);
}

function FloatingToolbar(
  props: { formats: FormatState; frame: HTMLElement | null } & Pick<Parameters<typeof FormatToolbar>[0], 'onFormat'>,
) {
  const { formats, frame, onFormat } = props;
  const place = useMemo(() => {
    const box = frame?.getBoundingClientRect();
    if (!box || !formats.selection) return undefined;
    const left = Math.max(0, Math.min(formats.selection.left - box.left, box.width - 244));
    return { left, bottom: box.bottom - formats.selection.top + 6 };
  }, [formats.selection, frame]);
  if (!place) return null;
  return (
    <div className={styles.floating} style={place} onPointerDown={(event) => event.preventDefault()}>
      <FormatToolbar formats={formats} onFormat={onFormat} />
    </div>
  );
}
