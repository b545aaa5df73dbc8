import { find } from 'linkifyjs';
import { matrixToLink } from './matrix-link.ts';

/** A run of text, or a link found in it. */
export type TextPart = string | { text: string; href: string };

const MATRIX_ID = /(^|[\s([{<"'])([@#][\w.=/+-]{1,200}:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?(?::\d{1,5})?)/gi;
const ALLOWED = /^(?:https?|ftp|mailto|matrix):/i;
/** All that is found here has one of these; a sentence ends with a space after it, and looking takes long. */
const MAY_HOLD_LINK = /[.:]\S/;
const MAX_SCANNED = 20_000;

/** User ids and aliases in text that holds no other link. */
function splitMatrixIds(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(MATRIX_ID)) {
    const id = match[2] ?? '';
    const start = match.index + (match[1]?.length ?? 0);
    if (start > end) parts.push(text.slice(end, start));
    parts.push({ text: id, href: matrixToLink(id) });
    end = start + id.length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

/**
 * Finds addresses in plain text: web and mail addresses, user ids (`@ana:example.org`) and aliases
 * (`#design:example.org`). The parts joined give the text again.
 */
export function splitLinks(text: string): TextPart[] {
  if (text.length > MAX_SCANNED || !MAY_HOLD_LINK.test(text)) return text === '' ? [] : [text];
  const parts: TextPart[] = [];
  // Ids first: the general finder reads `@ana:example.org` as the bare host name `example.org`.
  for (const piece of splitMatrixIds(text)) {
    if (typeof piece !== 'string') {
      parts.push(piece);
      continue;
    }
    let end = 0;
    for (const link of find(piece, { defaultProtocol: 'https' })) {
      if (!ALLOWED.test(link.href)) continue;
      if (link.start > end) parts.push(piece.slice(end, link.start));
      parts.push({ text: link.value, href: link.href });
      end = link.end;
    }
    if (end < piece.length) parts.push(piece.slice(end));
  }
  return parts;
}
