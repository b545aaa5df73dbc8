import { Reply } from 'lucide-react';
import { useEffect } from 'react';
import { hueOf } from '../../view-models/sender-hue.ts';
import type { MessageBody, ReplyQuote } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import styles from './ReplyQuoteView.module.css';
import { useTimelineViewModel } from './timeline-context.ts';

/** One line of a body in words, for quotes: its text, its caption, or what kind of thing it is. */
export function useBodyPreview(): (body: MessageBody | undefined) => string {
  const t = useT('timeline');
  return (body) => {
    if (!body) return t('quoteMissing');
    switch (body.kind) {
      case 'text':
        return body.text.replace(/\s+/g, ' ').slice(0, 300);
      case 'encrypted':
        return t('encryptedShort');
      case 'unsupported':
        return body.text?.replace(/\s+/g, ' ').slice(0, 300) ?? t('unsupported');
      default:
        return body.caption?.text ?? t(`preview.${body.kind}`, { name: body.media.name });
    }
  };
}

/** The message that is answered, in one line. A click goes there. */
export function ReplyQuoteView({ quote }: { quote: ReplyQuote }) {
  const t = useT('timeline');
  const timeline = useTimelineViewModel();
  const preview = useBodyPreview();
  const { eventId, sender, body, isRedacted } = quote;
  useEffect(() => {
    if (!sender) timeline.loadQuoted(eventId);
  }, [timeline, eventId, sender]);
  return (
    <button type="button" className={styles.quote} onClick={() => void timeline.showEvent(eventId)}>
      <Reply size={14} strokeWidth={1.75} className={styles.icon} aria-label={t('inReplyTo')} />
      {sender && (
        <>
          <Avatar name={sender.name} id={sender.id} mxc={sender.avatarMxc} size={16} />
          <bdi className={styles.sender} data-name-hue={hueOf(sender.id)}>
            {sender.name}
          </bdi>
        </>
      )}
      <bdi className={styles.text}>{isRedacted ? t('deleted') : preview(body)}</bdi>
    </button>
  );
}
