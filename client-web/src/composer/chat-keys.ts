import type { Editor } from '@tiptap/core';

export interface ChatKeyHandlers {
  /** First chance for an open completion list. True when it took the key. */
  onCompletionKey: (key: string) => boolean;
  send: () => void;
  /** True when there was a message to edit. */
  editLast: () => boolean;
  /** True when there was something to cancel. */
  cancel: () => boolean;
  /** Whether Enter begins a new line (touch keyboards have no Shift-Enter). */
  isEnterNewLine: () => boolean;
}

/** A new line: in a list another item, in code a line of code, elsewhere another paragraph, which reads as a line. */
function breakLine(editor: Editor): boolean {
  return editor.commands.first(({ commands }) => [
    () => commands.newlineInCode(),
    () => commands.splitListItem('listItem'),
    () => commands.liftListItem('listItem'),
    () => commands.createParagraphNear(),
    () => commands.liftEmptyBlock(),
    () => commands.splitBlock(),
  ]);
}

/** A line of three backticks, perhaps with a language, becomes a code block. */
function openCodeBlock(editor: Editor): boolean {
  const { $from } = editor.state.selection;
  const fence = /^```([\w+#.-]*)$/.exec($from.parent.textContent);
  if (!fence || $from.parent.type.name !== 'paragraph') return false;
  const language = fence[1] || null;
  return editor.chain().deleteRange({ from: $from.start(), to: $from.end() }).setNode('codeBlock', { language }).run();
}

/**
 * The keys of a chat: Enter sends and Shift-Enter breaks the line (in a code block Enter breaks it, Ctrl/⌘-Enter
 * sends), ↑ in an empty field edits the last message, Escape cancels.
 *
 * @returns whether the key was taken
 */
export function handleChatKey(editor: Editor, event: KeyboardEvent, handlers: ChatKeyHandlers): boolean {
  // While an input method composes, every key is its own. Some report only the key code 229.
  if (event.isComposing || event.keyCode === 229) return false;
  if (!event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey && handlers.onCompletionKey(event.key)) {
    return true;
  }
  if (event.key === 'Enter') return handleEnter(editor, event, handlers);
  if (event.key === 'ArrowUp' && editor.isEmpty && !event.shiftKey && !event.altKey) return handlers.editLast();
  return event.key === 'Escape' && handlers.cancel();
}

function handleEnter(editor: Editor, event: KeyboardEvent, handlers: ChatKeyHandlers): boolean {
  if (event.altKey) return false;
  if (event.ctrlKey || event.metaKey) {
    handlers.send();
    return true;
  }
  if (openCodeBlock(editor)) return true;
  // Three empty lines leave the code block, as its own Enter does.
  if (!event.shiftKey && editor.isActive('codeBlock')) return false;
  if (event.shiftKey || handlers.isEnterNewLine()) return breakLine(editor);
  handlers.send();
  return true;
}
