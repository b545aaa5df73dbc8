import type { Editor } from '@tiptap/core';

export type Format = 'bold' | 'italic' | 'strike' | 'code' | 'codeBlock' | 'blockquote' | 'bulletList' | 'orderedList';

export const FORMATS: readonly Format[] = [
  'bold',
  'italic',
  'strike',
  'code',
  'bulletList',
  'orderedList',
  'blockquote',
  'codeBlock',
];

/** Which formats hold at the cursor, and where the selected text is on the screen, if some is selected. */
export interface FormatState {
  active: readonly Format[];
  selection: { left: number; top: number } | undefined;
  isEmpty: boolean;
}

export function readFormats(editor: Editor): FormatState {
  const { from, to, empty } = editor.state.selection;
  const isSelected = !empty && editor.isFocused && editor.state.doc.textBetween(from, to, ' ').trim() !== '';
  const start = isSelected ? editor.view.coordsAtPos(from) : undefined;
  return {
    active: FORMATS.filter((format) => editor.isActive(format)),
    selection: start && { left: start.left, top: start.top },
    isEmpty: editor.isEmpty,
  };
}

export function applyFormat(editor: Editor, format: Format): void {
  const chain = editor.chain().focus();
  const commands: Record<Format, () => typeof chain> = {
    bold: () => chain.toggleBold(),
    italic: () => chain.toggleItalic(),
    strike: () => chain.toggleStrike(),
    code: () => chain.toggleCode(),
    codeBlock: () => chain.toggleCodeBlock(),
    blockquote: () => chain.toggleBlockquote(),
    bulletList: () => chain.toggleBulletList(),
    orderedList: () => chain.toggleOrderedList(),
  };
  commands[format]().run();
}
