import MarkdownIt from 'markdown-it';

// Raw HTML in the source is shown as text, so that what comes out has only the tags that Markdown makes.
const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true });

/** HTML for a text in Markdown (CommonMark with tables and strikethrough; a line break stays one). */
export function renderMarkdown(text: string): string {
  return markdown.render(text);
}
