import { Ban, CircleHelp, LockKeyhole, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import type { TimelineEvent } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { FileRow } from '../media/FileRow.tsx';
import { ImageView, StickerView } from '../media/ImageView.tsx';
import { AudioView, VideoView } from '../media/PlayableView.tsx';
import { MessageHtml, MessageText } from '../message-html/MessageHtml.tsx';
import { classes } from '../ui/classes.ts';
import styles from './MessageBodyView.module.css';

export interface MessageBodyProps {
  event: TimelineEvent;
  onOpenImage: () => void;
}

/** What a message says: text, a medium with its caption, or why there is nothing to show. */
export function MessageBodyView({ event, onOpenImage }: MessageBodyProps) {
  const t = useT('timeline');
  const { body } = event;
  if (event.redaction) return <Redacted event={event} />;
  switch (body.kind) {
    case 'text':
      return <TextBody event={event} body={body} />;
    case 'image':
      return body.isSticker ? (
        <StickerView media={body.media} />
      ) : (
        <WithCaption event={event} caption={body.caption}>
          <ImageView media={body.media} onOpen={onOpenImage} />
        </WithCaption>
      );
    case 'video':
      return (
        <WithCaption event={event} caption={body.caption}>
          <VideoView media={body.media} />
        </WithCaption>
      );
    case 'audio':
      return (
        <WithCaption event={event} caption={body.caption}>
          <AudioView media={body.media} isVoice={body.isVoice} />
        </WithCaption>
      );
    case 'file':
      return (
        <WithCaption event={event} caption={body.caption}>
          <FileRow media={body.media} />
        </WithCaption>
      );
    case 'encrypted':
      return <Notice icon={LockKeyhole}>{t('encrypted')}</Notice>;
    default:
      return body.text ? <MessageText text={body.text} /> : <Notice icon={CircleHelp}>{t('unsupported')}</Notice>;
  }
}

const ONLY_EMOJI = /^(?:\p{RGI_Emoji}|\s)+$/v;

/** A message of a few emoji and nothing else is drawn large. */
function isLargeEmoji(text: string): boolean {
  if (text.length > 60 || !ONLY_EMOJI.test(text)) return false;
  return [...text.matchAll(/\p{RGI_Emoji}/gv)].length <= 6;
}

function TextBody({ event, body }: { event: TimelineEvent; body: Extract<TimelineEvent['body'], { kind: 'text' }> }) {
  const edited = <EditedMark event={event} />;
  const text = body.html ? (
    <MessageHtml html={body.html} text={body.text} suffix={edited} />
  ) : (
    <MessageText text={body.text} suffix={edited} />
  );
  if (body.style === 'emote') {
    return (
      <div className={styles.emote} dir="auto">
        <bdi className={styles.actor}>{event.sender.name}</bdi>
        {text}
      </div>
    );
  }
  const className = classes(
    styles.text,
    body.style === 'notice' && styles.notice,
    isLargeEmoji(body.text) && styles.large,
  );
  return (
    <div className={className} dir="auto">
      {text}
    </div>
  );
}

function EditedMark({ event }: { event: TimelineEvent }) {
  const t = useT('timeline');
  return event.isEdited ? <span className={styles.edited}> {t('edited')}</span> : null;
}

function WithCaption(props: {
  event: TimelineEvent;
  caption: { text: string; html?: string } | undefined;
  children: ReactNode;
}) {
  const { event, caption, children } = props;
  return (
    <>
      {children}
      {caption && (
        <div className={classes(styles.text, styles.caption)} dir="auto">
          {caption.html ? (
            <MessageHtml html={caption.html} text={caption.text} suffix={<EditedMark event={event} />} />
          ) : (
            <MessageText text={caption.text} suffix={<EditedMark event={event} />} />
          )}
        </div>
      )}
    </>
  );
}

function Notice({ icon: Icon, children }: { icon: LucideIcon; children: ReactNode }) {
  return (
    <div className={styles.placeholder}>
      <Icon size={16} strokeWidth={1.75} aria-hidden />
      <span>{children}</span>
    </div>
  );
}

function Redacted({ event }: { event: TimelineEvent }) {
  const t = useT('timeline');
  const { by, reason } = event.redaction ?? {};
  const who = by && by.id !== event.sender.id ? t('deletedBy', { name: `\u2068${by.name}\u2069` }) : t('deleted');
  return <Notice icon={Ban}>{reason ? `${who} ${t('deletedReason', { reason })}` : who}</Notice>;
}
