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
