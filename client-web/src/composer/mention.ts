import { mergeAttributes, Node } from '@tiptap/core';

/** A person, a room or everyone, named as one unit in the text. `id` is the user id, alias or `@room`. */
export const Mention = Node.create({
  name: 'mention',
  group: 'inline',
  inline: true,
  selectable: false,
  atom: true,

  addAttributes() {
    return {
      id: {
        default: '',
        parseHTML: (element) => element.getAttribute('data-mention'),
        renderHTML: ({ id }) => ({ 'data-mention': String(id) }),
      },
      label: {
        default: '',
        parseHTML: (element) => element.getAttribute('data-label') ?? '',
        renderHTML: ({ label }) => ({ 'data-label': String(label) }),
      },
    };
  },

  parseHTML() {
    return [{ tag: 'span[data-mention]' }];
  },

  renderHTML({ node, HTMLAttributes }) {
    return ['span', mergeAttributes(HTMLAttributes), mentionText(node.attrs)];
  },

  renderText({ node }) {
    return mentionText(node.attrs);
  },
});

function mentionText({ id, label }: { id?: unknown; label?: unknown }): string {
  const text = String(label || id);
  return String(id).startsWith('@') && !text.startsWith('@') ? `@${text}` : text;
}
