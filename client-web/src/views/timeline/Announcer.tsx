import { useEffect, useRef, useState } from 'react';
import type { TimelineItem } from '../../view-models/timeline-items.ts';
import { useT } from '../i18n.tsx';
import { useBodyPreview } from './ReplyQuoteView.tsx';

/** Says new messages to screen readers, and nothing of the history that is loaded while reading. */
export function Announcer({ items, isAtLiveEnd }: { items: readonly TimelineItem[]; isAtLiveEnd: boolean }) {
  const t = useT('timeline');
  const preview = useBodyPreview();
  const [text, setText] = useState('');
  const lastTimestamp = useRef<number>(undefined);
  const last = items.at(-1);
  useEffect(() => {
    if (last?.kind !== 'message' || !isAtLiveEnd) return;
    const before = lastTimestamp.current;
    lastTimestamp.current = last.event.timestamp;
    if (before === undefined || last.event.timestamp <= before || last.event.isOwn) return;
    setText(t('announce', { name: last.event.sender.name, text: preview(last.event.body) }));
  }, [last, isAtLiveEnd, t, preview]);
  return (
    <div className="visually-hidden" aria-live="polite">
      {text}
    </div>
  );
}
