import MarkdownIt from 'markdown-it';

// Raw HTML in the source is shown as text, so that what comes out has only the tags that Markdown makes.
const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true });

const LOOKS_LIKE_MARKDOWN = [
  /^ {0,3}(?:```|~~~)/m,
  /\*\*\S[^\n]*\S\*\*/,
  /^ {0,3}#{1,6} \S/m,
  /^ {0,3}[-*+] \S/m,
  /^ {0,3}\d{1,3}[.)] \S/m,
  /^ {0,3}> \S/m,
  /`[^`\n]+`/,
  /\[[^\]\n]+\]\(https?:/,
];

/** Whether a text was probably written as Markdown. */
export function looksLikeMarkdown(text: string): boolean {
  return LOOKS_LIKE_MARKDOWN.some((pattern) => pattern.test(text));
}

/** HTML for a text in Markdown (CommonMark with tables and strikethrough; a line break stays one). */
export function renderMarkdown(text: string): string {
  return markdown.render(text);
}
