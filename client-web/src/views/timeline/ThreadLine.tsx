import { MessageSquareText } from 'lucide-react';
import type { ThreadSummary } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { Avatar } from '../ui/Avatar.tsx';
import { useTimeFormats } from './format-time.ts';
import styles from './ThreadLine.module.css';

/** Under a message that a thread hangs on: how many answered, and the last of them. */
export function ThreadLine({ thread }: { thread: ThreadSummary }) {
  const t = useT('timeline');
  const navigation = useNavigation();
  const formats = useTimeFormats();
  const last = thread.lastReply;
  return (
    <button
      type="button"
      className={styles.line}
      onClick={() => navigation.openPanel('thread', { threadId: thread.id })}
    >
      <MessageSquareText size={16} strokeWidth={1.75} aria-hidden className={styles.icon} />
      <span className={styles.count}>{t('replies', { count: thread.replyCount })}</span>
      {thread.isUnread && <span className={styles.unread}>{t('unread')}</span>}
      {last && (
        <>
          <Avatar name={last.sender.name} id={last.sender.id} mxc={last.sender.avatarMxc} size={16} />
          <bdi className={styles.text}>{last.text}</bdi>
          <span className={styles.time}>{formats.time(last.timestamp)}</span>
        </>
      )}
    </button>
  );
}
