import DOMPurify, { type Config } from 'dompurify';

/**
 * Untrusted message HTML becomes a small tree of plain data, and only that tree is drawn. Nothing of the sender's
 * markup ever reaches the page's DOM: no attribute exists here that is not named below (A9.3).
 */
export type HtmlNode = string | HtmlElementNode;

export interface HtmlElementNode {
  tag: HtmlTag;
  children: readonly HtmlNode[];
  /** Of `a`: an absolute address with an allowed scheme. */
  href?: string;
  /** Of `img`: an `mxc://` address. */
  mxc?: string;
  /** Of `img`. */
  alt?: string;
  /** Of `img`, pixels. */
  width?: number;
  height?: number;
  /** Of `img`: a custom emoji, drawn at the size of text. */
  isEmoticon?: boolean;
  /** Of `ol`. */
  start?: number;
  /** Of `code`: the name after `language-`. */
  language?: string;
  /** Of `span`: `#rrggbb`. */
  color?: string;
  background?: string;
  /** Of `span`: the reason given for hiding the content; '' for none. */
  spoiler?: string;
}

/** The tags of the spec's suggested set (client-server API, "m.room.message msgtypes"); `font` is read as `span`. */
const TAGS = [
  ...['del', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'p', 'a', 'ul', 'ol', 'sup', 'sub', 'li', 'b', 'i', 'u'],
  ...['strong', 'em', 's', 'code', 'hr', 'br', 'div', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'caption', 'pre'],
  ...['span', 'img', 'details', 'summary'],
] as const;
export type HtmlTag =
  | 'del'
  | 'h1'
  | 'h2'
  | 'h3'
  | 'h4'
  | 'h5'
  | 'h6'
  | 'blockquote'
  | 'p'
  | 'a'
  | 'ul'
  | 'ol'
  | 'sup'
  | 'sub'
  | 'li'
  | 'b'
  | 'i'
  | 'u'
  | 'strong'
  | 'em'
  | 's'
  | 'code'
  | 'hr'
  | 'br'
  | 'div'
  | 'table'
  | 'thead'
  | 'tbody'
  | 'tr'
  | 'th'
  | 'td'
  | 'caption'
  | 'pre'
  | 'span'
  | 'img'
  | 'details'
  | 'summary';

const ATTRIBUTES = [
  ...['href', 'src', 'alt', 'title', 'width', 'height', 'start', 'class', 'color'],
  ...['data-mx-bg-color', 'data-mx-color', 'data-mx-spoiler', 'data-mx-emoticon'],
];

const MAX_DEPTH = 100;
const MAX_NODES = 5000;
const MAX_HTML_LENGTH = 65_536;
const LINK = /^(?:https?|ftp|mailto|magnet|matrix):/i;
const MXC = /^mxc:\/\/[^/?#\s]+\/[A-Za-z0-9_-]{1,255}$/;
const HEX_COLOR = /^#[0-9a-f]{6}$/i;
const LANGUAGE = /(?:^|\s)language-([\w+#.-]{1,40})(?:\s|$)/;

interface Budget {
  nodes: number;
}

function pixels(value: string | null): number | undefined {
  const size = Number.parseInt(value ?? '', 10);
  return size > 0 && size <= 4096 ? size : undefined;
}

/** Reads the permitted attributes of one element; whatever is not of the expected form is left out. */
function attributesOf(element: Element, tag: HtmlTag): Omit<HtmlElementNode, 'tag' | 'children'> {
  const get = (name: string): string | null => element.getAttribute(name);
  if (tag === 'a') {
    const href = get('href')?.trim();
    return href && LINK.test(href) ? { href } : {};
  }
  if (tag === 'img') {
    const mxc = get('src') ?? '';
    const width = pixels(get('width'));
    const height = pixels(get('height'));
    return {
      ...(MXC.test(mxc) && { mxc }),
      alt: (get('alt') ?? get('title') ?? '').slice(0, 500),
      ...(width && { width }),
      ...(height && { height }),
      ...(element.hasAttribute('data-mx-emoticon') && { isEmoticon: true }),
    };
  }
  if (tag === 'ol') {
    const start = Number.parseInt(get('start') ?? '', 10);
    return Number.isSafeInteger(start) ? { start } : {};
  }
  if (tag === 'code') {
    const language = LANGUAGE.exec(get('class') ?? '')?.[1];
    return language ? { language: language.toLowerCase() } : {};
  }
  return tag === 'span' ? spanAttributes(get) : {};
}

function spanAttributes(get: (name: string) => string | null): Omit<HtmlElementNode, 'tag' | 'children'> {
  const color = get('data-mx-color') ?? get('color') ?? '';
  const background = get('data-mx-bg-color') ?? '';
  const spoiler = get('data-mx-spoiler');
  return {
    ...(HEX_COLOR.test(color) && { color }),
    ...(HEX_COLOR.test(background) && { background }),
    ...(spoiler !== null && { spoiler: spoiler.slice(0, 200) }),
  };
}

const KNOWN_TAGS: ReadonlySet<string> = new Set(TAGS);

function readChildren(parent: Node, depth: number, budget: Budget): HtmlNode[] {
  const nodes: HtmlNode[] = [];
  for (const child of parent.childNodes) {
    budget.nodes -= 1;
    if (budget.nodes < 0) return nodes;
    if (child instanceof Text) {
      nodes.push(child.data);
    } else if (child instanceof Element) {
      const name = child.localName === 'font' ? 'span' : child.localName;
      const children = depth >= MAX_DEPTH ? [child.textContent ?? ''] : readChildren(child, depth + 1, budget);
      if (!KNOWN_TAGS.has(name)) nodes.push(...children);
      else nodes.push({ tag: name as HtmlTag, children, ...attributesOf(child, name as HtmlTag) });
    }
  }
  return nodes;
}

const PURIFY_CONFIG: Config & { RETURN_DOM_FRAGMENT: true } = {
  ALLOWED_TAGS: [...TAGS, 'font'],
  ALLOWED_ATTR: ATTRIBUTES,
  // Addresses are judged per tag above; here only schemes that no tag may use are refused.
  ALLOWED_URI_REGEXP: /^(?:https?|ftp|mailto|magnet|matrix|mxc):/i,
  // The purifier holds the value of every other attribute for an address.
  ADD_URI_SAFE_ATTR: ATTRIBUTES.filter((name) => name !== 'href' && name !== 'src'),
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  FORBID_CONTENTS: ['mx-reply', 'script', 'style', 'svg', 'math', 'template', 'title', 'noscript', 'iframe', 'object'],
  RETURN_DOM_FRAGMENT: true,
};

/**
 * Reads a `formatted_body` as a tree of permitted elements.
 *
 * @returns the nodes, or undefined when the markup is too large to be drawn as such (show the plain text then)
 */
export function sanitiseHtml(html: string): HtmlNode[] | undefined {
  if (html.length > MAX_HTML_LENGTH) return undefined;
  const fragment = DOMPurify.sanitize(html, PURIFY_CONFIG);
  const budget = { nodes: MAX_NODES };
  const nodes = readChildren(fragment, 1, budget);
  return budget.nodes < 0 ? undefined : nodes;
}
