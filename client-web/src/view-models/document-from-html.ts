import type { HtmlElementNode, HtmlNode } from '../platform/message-html.ts';
import type { DocumentNode } from './composer-document.ts';
import { parseMatrixLink } from './matrix-link.ts';

type Marks = NonNullable<DocumentNode['marks']>;

const MARK_OF: ReadonlyMap<string, string> = new Map([
  ['strong', 'bold'],
  ['b', 'bold'],
  ['em', 'italic'],
  ['i', 'italic'],
  ['del', 'strike'],
  ['s', 'strike'],
  ['u', 'underline'],
  ['code', 'code'],
]);

const BLOCKS: ReadonlySet<string> = new Set([
  ...['p', 'div', 'ul', 'ol', 'blockquote', 'pre', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'table', 'details'],
]);

const plainText = (nodes: readonly HtmlNode[]): string =>
  nodes.map((node) => (typeof node === 'string' ? node : node.tag === 'br' ? '\n' : plainText(node.children))).join('');

function mention(node: HtmlElementNode): DocumentNode | undefined {
  const target = node.href === undefined ? undefined : parseMatrixLink(node.href);
  const id = target?.kind === 'user' ? target.userId : target?.kind === 'room' ? target.room : undefined;
  return id === undefined
    ? undefined
    : { type: 'mention', attrs: { id, label: plainText(node.children).replace(/^@/, '') } };
}

function inlines(nodes: readonly HtmlNode[], marks: Marks): DocumentNode[] {
  return nodes.flatMap((node): DocumentNode[] => {
    if (typeof node === 'string') {
      // Line breaks between tags are the markup's own.
      const text = node.replace(/\s*\n\s*/g, ' ');
      return text === '' ? [] : [{ type: 'text', text, ...(marks.length > 0 && { marks }) }];
    }
    if (node.tag === 'br') return [{ type: 'hardBreak' }];
    if (node.tag === 'img') return node.alt ? [{ type: 'text', text: node.alt }] : [];
    if (node.tag === 'a' && node.href !== undefined) {
      const pill = mention(node);
      return pill ? [pill] : inlines(node.children, [...marks, { type: 'link', attrs: { href: node.href } }]);
    }
    const mark = MARK_OF.get(node.tag);
    return inlines(node.children, mark ? [...marks, { type: mark }] : marks);
  });
}

/** A paragraph per line, which is how the editor holds text. */
function paragraphs(content: readonly DocumentNode[]): DocumentNode[] {
  const lines: DocumentNode[][] = [[]];
  for (const node of content) {
    if (node.type === 'hardBreak') lines.push([]);
    else lines.at(-1)?.push(node);
  }
  return lines.map((line) => (line.length > 0 ? { type: 'paragraph', content: line } : { type: 'paragraph' }));
}

function listItem(node: HtmlElementNode): DocumentNode {
  const content = blocks(node.children);
  return {
    type: 'listItem',
    content: content[0]?.type === 'paragraph' ? content : [{ type: 'paragraph' }, ...content],
  };
}

const items = (node: HtmlElementNode): DocumentNode[] =>
  node.children.flatMap((child) => (typeof child !== 'string' && child.tag === 'li' ? [listItem(child)] : []));

function block(node: HtmlElementNode): DocumentNode[] {
  switch (node.tag) {
    case 'ul':
      return [{ type: 'bulletList', content: items(node) }];
    case 'ol':
      return [{ type: 'orderedList', attrs: { start: node.start ?? 1 }, content: items(node) }];
    case 'blockquote':
      return [{ type: 'blockquote', content: blocks(node.children) }];
    case 'pre': {
      const code = node.children.find((child) => typeof child !== 'string' && child.tag === 'code');
      const text = plainText(node.children).replace(/\n$/, '');
      const language = typeof code === 'object' ? (code.language ?? null) : null;
      return [{ type: 'codeBlock', attrs: { language }, ...(text !== '' && { content: [{ type: 'text', text }] }) }];
    }
    case 'hr':
      return [{ type: 'horizontalRule' }];
    case 'p':
    case 'div':
    case 'details':
      return blocks(node.children);
    case 'table':
      return paragraphs([{ type: 'text', text: plainText(node.children).trim() || ' ' }]);
    default:
      return [{ type: 'heading', attrs: { level: Number(node.tag.slice(1)) }, content: inlines(node.children, []) }];
  }
}

function blocks(nodes: readonly HtmlNode[]): DocumentNode[] {
  const result: DocumentNode[] = [];
  let line: HtmlNode[] = [];
  let wasParagraph = false;
  const flush = (): void => {
    if (plainText(line).trim() !== '' || line.some((node) => typeof node !== 'string')) {
      result.push(...paragraphs(inlines(line, [])));
    }
    line = [];
  };
  for (const node of nodes) {
    if (typeof node === 'string' || !BLOCKS.has(node.tag)) {
      line.push(node);
      if (typeof node !== 'string' || node.trim() !== '') wasParagraph = false;
      continue;
    }
    flush();
    // Two paragraphs of HTML are two groups of lines here, with an empty line between them.
    if (node.tag === 'p' && wasParagraph) result.push({ type: 'paragraph' });
    result.push(...block(node));
    wasParagraph = node.tag === 'p';
  }
  flush();
  return result.length > 0 ? result : [{ type: 'paragraph' }];
}

/** The editor's document for a message that is to be edited. */
export function documentFromHtml(nodes: readonly HtmlNode[]): DocumentNode {
  return { type: 'doc', content: blocks(nodes) };
}

export function documentFromText(text: string): DocumentNode {
  return {
    type: 'doc',
    content: text
      .split('\n')
      .map((line) =>
        line === '' ? { type: 'paragraph' } : { type: 'paragraph', content: [{ type: 'text', text: line }] },
      ),
  };
}
