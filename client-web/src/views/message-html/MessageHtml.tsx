import { Fragment, type ReactNode, useMemo, useState } from 'react';
import { type HtmlElementNode, type HtmlNode, sanitiseHtml } from '../../platform/message-html.ts';
import { parseMatrixLink } from '../../view-models/matrix-link.ts';
import { splitLinks } from '../../view-models/text-links.ts';
import { useT } from '../i18n.tsx';
import { useMediaUrl } from '../ui/use-media-url.ts';
import { CodeBlock } from './CodeBlock.tsx';
import styles from './MessageHtml.module.css';
import { Pill } from './Pill.tsx';

/** A message's `formatted_body`, or its plain text when the markup is not fit to be drawn. */
export function MessageHtml({ html, text, suffix }: { html: string; text: string; suffix?: ReactNode }) {
  const nodes = useMemo(() => sanitiseHtml(html), [html]);
  if (nodes === undefined) return <MessageText text={text} suffix={suffix} />;
  return (
    <div className={styles.html}>
      {renderNodes(trimEnd(nodes), { isLinked: false, isCode: false })}
      {suffix}
    </div>
  );
}

/** Plain text with its line breaks, addresses in it made into links. `suffix` stands in line at its end. */
export function MessageText({ text, suffix }: { text: string; suffix?: ReactNode }) {
  const parts = useMemo(() => splitLinks(text.replace(/\n+$/, '')), [text]);
  return (
    <div className={styles.text}>
      {renderText(parts)}
      {suffix}
    </div>
  );
}

function renderText(parts: ReturnType<typeof splitLinks>): ReactNode[] {
  return parts.map((part, index) =>
    typeof part === 'string' ? (
      part
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text never move
      <MessageLink key={index} href={part.href}>
        {part.text}
      </MessageLink>
    ),
  );
}

interface Surroundings {
  isLinked: boolean;
  isCode: boolean;
}

/** Many clients end a message with line breaks that would only add empty space. */
function trimEnd(nodes: readonly HtmlNode[]): readonly HtmlNode[] {
  const end = nodes.findLastIndex((node) => (typeof node === 'string' ? node.trim() !== '' : node.tag !== 'br'));
  return nodes.slice(0, end + 1);
}

function renderNodes(nodes: readonly HtmlNode[], around: Surroundings): ReactNode[] {
  return nodes.map((node, index) => {
    if (typeof node === 'string') {
      const content = around.isLinked || around.isCode ? node : renderText(splitLinks(node));
      // biome-ignore lint/suspicious/noArrayIndexKey: the nodes of one message never move
      return <Fragment key={index}>{content}</Fragment>;
    }
    // biome-ignore lint/suspicious/noArrayIndexKey: the nodes of one message never move
    return <HtmlElement key={index} node={node} around={around} />;
  });
}

const textOf = (nodes: readonly HtmlNode[]): string =>
  nodes.map((node) => (typeof node === 'string' ? node : node.tag === 'br' ? '\n' : textOf(node.children))).join('');

function HtmlElement({ node, around }: { node: HtmlElementNode; around: Surroundings }) {
  const { tag: Tag, children } = node;
  switch (Tag) {
    case 'br':
    case 'hr':
      return <Tag />;
    case 'img':
      return <InlineImage node={node} />;
    case 'a':
      return node.href ? (
        <MessageLink href={node.href} plainText={textOf(children)}>
          {renderNodes(children, { ...around, isLinked: true })}
        </MessageLink>
      ) : (
        renderNodes(children, around)
      );
    case 'pre':
      return <PreBlock node={node} />;
    case 'code':
      return <code className={styles.code}>{renderNodes(children, { ...around, isCode: true })}</code>;
    case 'span':
      return <Span node={node}>{renderNodes(children, around)}</Span>;
    case 'table':
      return (
        <div className={styles.tableScroller}>
          <table>{renderNodes(children.filter(isNotBlank), around)}</table>
        </div>
      );
    case 'thead':
    case 'tbody':
    case 'tr':
      return <Tag>{renderNodes(children.filter(isNotBlank), around)}</Tag>;
    case 'ol':
      return <ol start={node.start}>{renderNodes(children, around)}</ol>;
    default:
      return <Tag>{renderNodes(children, around)}</Tag>;
  }
}

const isNotBlank = (node: HtmlNode): boolean => typeof node !== 'string' || node.trim() !== '';

function PreBlock({ node }: { node: HtmlElementNode }) {
  const inner = node.children.find((child) => typeof child !== 'string' && child.tag === 'code');
  const language = typeof inner === 'object' ? inner.language : undefined;
  return <CodeBlock code={textOf(node.children).replace(/\n$/, '')} language={language} />;
}

function Span({ node, children }: { node: HtmlElementNode; children: ReactNode }) {
  if (node.spoiler !== undefined) return <Spoiler reason={node.spoiler}>{children}</Spoiler>;
  if (!node.color && !node.background) return <span>{children}</span>;
  return <span style={{ color: node.color, backgroundColor: node.background }}>{children}</span>;
}

/** Content that shows only when asked for. */
function Spoiler({ reason, children }: { reason: string; children: ReactNode }) {
  const t = useT('timeline');
  const [isShown, setShown] = useState(false);
  if (isShown) return <span className={styles.revealed}>{children}</span>;
  return (
    <button type="button" className={styles.spoiler} onClick={() => setShown(true)}>
      {reason ? t('spoilerBecause', { reason }) : t('spoiler')}
    </button>
  );
}

/** A link out opens a new window and tells it nothing; a link to a person, room or message becomes a pill. */
function MessageLink({ href, plainText, children }: { href: string; plainText?: string; children: ReactNode }) {
  const target = parseMatrixLink(href);
  if (target) return <Pill target={target} href={href} text={plainText ?? String(children)} />;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" className={styles.link}>
      {children}
    </a>
  );
}

function InlineImage({ node }: { node: HtmlElementNode }) {
  const height = node.isEmoticon ? 24 : Math.min(node.height ?? 120, 240);
  const url = useMediaUrl({ mxc: node.mxc, height, width: height, method: 'scale' });
  if (!node.mxc) return node.alt ?? '';
  return (
    <span className={node.isEmoticon ? styles.emoticon : styles.inlineImage} style={{ height }}>
      {url ? <img src={url} alt={node.alt ?? ''} title={node.alt} style={{ height }} /> : node.alt}
    </span>
  );
}
