import { matrixToLink } from './matrix-link.ts';

/** A node of the editor's document, as the editor gives and takes it (ProseMirror's JSON). */
export interface DocumentNode {
  type: string;
  attrs?: Record<string, unknown>;
  content?: DocumentNode[];
  text?: string;
  marks?: { type: string; attrs?: Record<string, unknown> }[];
}

/** The content of an `m.room.message` made from a document. */
export interface WrittenMessage {
  msgtype: 'm.text' | 'm.emote';
  body: string;
  format?: 'org.matrix.custom.html';
  formatted_body?: string;
  'm.mentions': { user_ids?: string[]; room?: true };
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char);

const attribute = (node: DocumentNode, name: string): string => {
  const value = node.attrs?.[name];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
};

const childrenOf = (node: DocumentNode): readonly DocumentNode[] => node.content ?? [];

// Marks from the outside in; the first element is the tag, the second the sign around the plain text.
const MARKS: readonly [string, string, string][] = [
  ['bold', 'strong', '**'],
  ['italic', 'em', '_'],
  ['strike', 'del', '~~'],
  ['underline', 'u', ''],
  ['code', 'code', '`'],
];

/** What a mention is called in the text: the person's or room's name. */
function mentionLabel(node: DocumentNode): string {
  const label = attribute(node, 'label') || attribute(node, 'id');
  const isUser = attribute(node, 'id').startsWith('@');
  return isUser && !label.startsWith('@') ? `@${label}` : label;
}

function inlineHtml(node: DocumentNode): string {
  if (node.type === 'hardBreak') return '<br>';
  if (node.type === 'mention') {
    const id = attribute(node, 'id');
    if (id === '@room') return '@room';
    return `<a href="${escapeHtml(matrixToLink(id))}">${escapeHtml(mentionLabel(node))}</a>`;
  }
  let html = escapeHtml(node.text ?? '');
  for (const [mark, tag] of MARKS.toReversed()) {
    if (node.marks?.some((own) => own.type === mark)) html = `<${tag}>${html}</${tag}>`;
  }
  const link = node.marks?.find((mark) => mark.type === 'link')?.attrs?.href;
  return typeof link === 'string' ? `<a href="${escapeHtml(link)}">${html}</a>` : html;
}

function inlineText(node: DocumentNode): string {
  if (node.type === 'hardBreak') return '\n';
  if (node.type === 'mention') return mentionLabel(node);
  let text = node.text ?? '';
  for (const [mark, , sign] of MARKS.toReversed()) {
    if (node.marks?.some((own) => own.type === mark)) text = `${sign}${text}${sign}`;
  }
  const link = node.marks?.find((mark) => mark.type === 'link')?.attrs?.href;
  return typeof link === 'string' && link !== text ? `[${text}](${link})` : text;
}

const inline = (node: DocumentNode, write: (child: DocumentNode) => string): string =>
  childrenOf(node).map(write).join('');

/** Paragraphs are the lines of the editor: neighbours are lines of one text, an empty one begins another. */
function groupLines(nodes: readonly DocumentNode[]): (DocumentNode | DocumentNode[])[] {
  const groups: (DocumentNode | DocumentNode[])[] = [];
  let lines: DocumentNode[] | undefined;
  for (const node of nodes) {
    if (node.type !== 'paragraph') {
      lines = undefined;
      groups.push(node);
    } else if (childrenOf(node).length === 0) {
      lines = undefined;
    } else if (lines) {
      lines.push(node);
    } else {
      lines = [node];
      groups.push(lines);
    }
  }
  return groups;
}

function blocksHtml(nodes: readonly DocumentNode[], isOnlyText: boolean): string {
  const groups = groupLines(nodes);
  const isBare = isOnlyText && groups.length === 1;
  return groups
    .map((group) => {
      if (!Array.isArray(group)) return blockHtml(group);
      const html = group.map((line) => inline(line, inlineHtml)).join('<br>');
      return isBare ? html : `<p>${html}</p>`;
    })
    .join('');
}

function blockHtml(node: DocumentNode): string {
  switch (node.type) {
    case 'heading':
      return `<h${attribute(node, 'level')}>${inline(node, inlineHtml)}</h${attribute(node, 'level')}>`;
    case 'codeBlock': {
      const language = attribute(node, 'language').replace(/[^\w+#.-]/g, '');
      const code = escapeHtml(inline(node, (child) => child.text ?? ''));
      return `<pre><code${language ? ` class="language-${language}"` : ''}>${code}\n</code></pre>`;
    }
    case 'blockquote':
      return `<blockquote>${blocksHtml(childrenOf(node), true)}</blockquote>`;
    case 'bulletList':
      return `<ul>${childrenOf(node).map(blockHtml).join('')}</ul>`;
    case 'orderedList': {
      const start = Number(node.attrs?.start ?? 1);
      return `<ol${start === 1 ? '' : ` start="${start}"`}>${childrenOf(node).map(blockHtml).join('')}</ol>`;
    }
    case 'listItem': {
      const [first, ...rest] = childrenOf(node);
      const lead = first?.type === 'paragraph' ? inline(first, inlineHtml) : first ? blockHtml(first) : '';
      return `<li>${lead}${blocksHtml(rest, false)}</li>`;
    }
    case 'horizontalRule':
      return '<hr>';
    default:
      return inline(node, inlineHtml);
  }
}

const indent = (text: string, first: string, rest: string): string =>
  text
    .split('\n')
    .map((line, index) => (index === 0 ? first : rest) + line)
    .join('\n');

function blockText(node: DocumentNode): string {
  switch (node.type) {
    case 'heading':
      return `${'#'.repeat(Number(attribute(node, 'level')) || 1)} ${inline(node, inlineText)}`;
    case 'codeBlock':
      return `\`\`\`${attribute(node, 'language')}\n${inline(node, (child) => child.text ?? '')}\n\`\`\``;
    case 'blockquote':
      return indent(blocksText(childrenOf(node)), '> ', '> ');
    case 'bulletList':
      return childrenOf(node)
        .map((item) => indent(blocksText(childrenOf(item)), '- ', '  '))
        .join('\n');
    case 'orderedList': {
      const start = Number(node.attrs?.start ?? 1);
      return childrenOf(node)
        .map((item, index) => indent(blocksText(childrenOf(item)), `${start + index}. `, '   '))
        .join('\n');
    }
    case 'horizontalRule':
      return '---';
    default:
      return inline(node, inlineText);
  }
}

const isBlock = (node: DocumentNode): boolean => node.type !== 'paragraph';

function blocksText(nodes: readonly DocumentNode[]): string {
  return nodes.map(blockText).join('\n');
}

function collectMentions(node: DocumentNode, found: Set<string>): void {
  if (node.type === 'mention') found.add(attribute(node, 'id'));
  for (const child of childrenOf(node)) collectMentions(child, found);
}

const hasFormat = (node: DocumentNode): boolean =>
  (node.marks?.length ?? 0) > 0 ||
  (node.type === 'mention' && attribute(node, 'id') !== '@room') ||
  (isBlock(node) && !['doc', 'text', 'hardBreak', 'mention'].includes(node.type)) ||
  childrenOf(node).some(hasFormat);

/** Empty lines at the beginning and the end say nothing. */
function trimDocument(document: DocumentNode): DocumentNode {
  const nodes = childrenOf(document);
  const isEmpty = (node: DocumentNode): boolean =>
    node.type === 'paragraph' &&
    childrenOf(node).every((child) => child.text?.trim() === '' || child.type === 'hardBreak');
  const start = nodes.findIndex((node) => !isEmpty(node));
  const end = nodes.findLastIndex((node) => !isEmpty(node));
  return { ...document, content: start < 0 ? [] : nodes.slice(start, end + 1) };
}

/** Whether there is nothing in the document that could be sent. */
export function isBlank(document: DocumentNode): boolean {
  return childrenOf(trimDocument(document)).length === 0;
}

/** The document as Markdown-like plain text: the `body` of a message. */
export function documentToText(document: DocumentNode): string {
  return blocksText(childrenOf(trimDocument(document)));
}

/** Takes `/me ` off the beginning. */
function stripCommand(document: DocumentNode): { document: DocumentNode; isEmote: boolean } {
  const [first, ...rest] = childrenOf(document);
  const [text, ...inlines] = first ? childrenOf(first) : [];
  if (first?.type !== 'paragraph' || !text?.text?.startsWith('/me ')) return { document, isEmote: false };
  const remaining = text.text.slice('/me '.length);
  const line = remaining === '' ? inlines : [{ ...text, text: remaining }, ...inlines];
  return { document: { ...document, content: [{ ...first, content: line }, ...rest] }, isEmote: true };
}

/**
 * Makes a message of what was written. Text without any format has no HTML; `/me` at the beginning makes an emote.
 */
export function documentToMessage(document: DocumentNode): WrittenMessage {
  const { document: stripped, isEmote } = stripCommand(trimDocument(document));
  const mentions = new Set<string>();
  collectMentions(stripped, mentions);
  const userIds = [...mentions].filter((id) => id.startsWith('@') && id !== '@room');
  return {
    msgtype: isEmote ? 'm.emote' : 'm.text',
    body: documentToText(stripped),
    ...(hasFormat(stripped) && {
      format: 'org.matrix.custom.html' as const,
      formatted_body: blocksHtml(childrenOf(stripped), true),
    }),
    'm.mentions': {
      ...(userIds.length > 0 && { user_ids: userIds }),
      ...(mentions.has('@room') && { room: true as const }),
    },
  };
}
