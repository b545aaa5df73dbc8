import { Pencil, Reply, X } from 'lucide-react';
import type { TimelineEvent } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { useBodyPreview } from '../timeline/ReplyQuoteView.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import styles from './ContextBar.module.css';

/** What is being answered or edited, above the field, with a way out. */
export function ContextBar(props: {
  replyTo: TimelineEvent | undefined;
  editing: TimelineEvent | undefined;
  onCancel: () => void;
}) {
  const { replyTo, editing, onCancel } = props;
  const t = useT('composer');
  const preview = useBodyPreview();
  const event = editing ?? replyTo;
  if (!event) return null;
  const Icon = editing ? Pencil : Reply;
  return (
    <div className={styles.bar}>
      <Icon size={16} strokeWidth={1.75} className={styles.icon} aria-hidden />
      <span className={styles.text}>
        <b className={styles.title}>
          {editing
            ? t(editing.body.kind === 'text' ? 'editing' : 'editingCaption')
            : t('replyingTo', { name: `\u2068${event.sender.name}\u2069` })}
        </b>{' '}
        {!editing && <bdi>{preview(event.body)}</bdi>}
      </span>
      <IconButton
        size="s"
        icon={X}
        label={editing ? t('cancelEdit') : t('cancelReply')}
        shortcut="Esc"
        onPress={onCancel}
      />
    </div>
  );
}
