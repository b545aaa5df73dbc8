import { mediaBox } from '../../view-models/media-box.ts';
import type { TimelineItem } from '../../view-models/timeline-items.ts';

const LINE = 22;

function linesOf(text: string, columns: number): number {
  let lines = 0;
  for (const line of text.split('\n')) lines += Math.max(1, Math.ceil(line.length / columns));
  return lines;
}

/**
 * A guess at a row's height in pixels before it is drawn. The better the guess, the less the scroll bar moves.
 *
 * @param width of the timeline, in pixels
 */
export function estimateRow(item: TimelineItem, width: number): number {
  if (item.kind === 'day') return 40;
  if (item.kind === 'new') return 24;
  if (item.kind === 'changes') return 28;
  const { event, startsGroup } = item;
  const columns = Math.max(20, (width - 140) / 7.4);
  let height = startsGroup ? 34 : 4;
  if (event.replyTo) height += 24;
  if (event.reactions.length > 0) height += 28;
  if (event.thread) height += 36;
  const { body } = event;
  if (event.redaction) return height + LINE;
  switch (body.kind) {
    case 'text':
      return height + linesOf(body.text, columns) * LINE;
    case 'image':
    case 'video':
      height += mediaBox(body.media).height + 4;
      break;
    case 'file':
    case 'audio':
      height += 60;
      break;
    default:
      return height + LINE;
  }
  return body.caption ? height + linesOf(body.caption.text, columns) * LINE : height;
}
