import { Copy, Link2, MessageSquareText, Pencil, Reply, Trash2 } from 'lucide-react';
import type { TimelineEvent } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import styles from './ActionSheet.module.css';
import { useMessageActions } from './use-message-actions.ts';

/** The actions of one message for fingers: opened by a long press. */
export function ActionSheet({ event, onClose }: { event: TimelineEvent; onClose: () => void }) {
  const t = useT('timeline');
  const actions = useMessageActions(event);
  const then = (action: () => void) => () => {
    onClose();
    action();
  };
  return (
    <Dialog title={t('actions')} isOpen onOpenChange={(isOpen) => !isOpen && onClose()} size="s">
      {actions.canReact && (
        <div className={styles.emoji}>
          {[...new Set([...actions.quickReactions, '👍', '❤️', '😄', '🎉', '👀'])].slice(0, 6).map((emoji) => (
            <Button key={emoji} variant="ghost" onPress={then(() => actions.toggleReaction(emoji))}>
              <span className={styles.large}>{emoji}</span>
            </Button>
          ))}
        </div>
      )}
      <div className={styles.list}>
        {actions.canReply && (
          <Button variant="ghost" icon={Reply} isBlock onPress={then(actions.reply)}>
            {t('reply')}
          </Button>
        )}
        {actions.canOpenThread && (
          <Button variant="ghost" icon={MessageSquareText} isBlock onPress={then(actions.openThread)}>
            {t('replyInThread')}
          </Button>
        )}
        {actions.canEdit && (
          <Button variant="ghost" icon={Pencil} isBlock onPress={then(actions.edit)}>
            {t('edit')}
          </Button>
        )}
        {actions.text !== undefined && (
          <Button variant="ghost" icon={Copy} isBlock onPress={then(actions.copyText)}>
            {t('copyText')}
          </Button>
        )}
        <Button variant="ghost" icon={Link2} isBlock onPress={then(actions.copyLink)}>
          {t('copyLink')}
        </Button>
        {actions.canRemove && (
          <Button variant="ghost" icon={Trash2} isBlock onPress={then(actions.remove)}>
            {t('delete')}
          </Button>
        )}
      </div>
    </Dialog>
  );
}
