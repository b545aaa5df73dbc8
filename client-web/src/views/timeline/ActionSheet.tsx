import { Copy, Link2, type LucideIcon, MessageSquareText, Pencil, Reply, Trash2 } from 'lucide-react';
import { Button } from 'react-aria-components/Button';
import type { TimelineEvent } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { classes } from '../ui/classes.ts';
import { Dialog } from '../ui/Dialog.tsx';
import styles from './ActionSheet.module.css';
import { type MessageActions, useMessageActions } from './use-message-actions.ts';

interface Action {
  icon: LucideIcon;
  label: string;
  isOffered: boolean;
  isDanger?: boolean;
  run: () => void;
}

/** The actions of one message for fingers: opened by a long press. */
export function ActionSheet({ event, onClose }: { event: TimelineEvent; onClose: () => void }) {
  const t = useT('timeline');
  const actions = useMessageActions(event);
  const offered = useSheetActions(actions).filter((action) => action.isOffered);
  const close = (run: () => void) => () => {
    onClose();
    run();
  };
  return (
    <Dialog title={t('actions')} isOpen onOpenChange={(isOpen) => !isOpen && onClose()} size="s">
      {actions.canReact && (
        <div className={styles.emoji}>
          {actions.quickReactions.map((emoji) => (
            <Button
              key={emoji}
              className={styles.large ?? ''}
              aria-label={t('reactWith', { key: emoji })}
              onPress={close(() => actions.toggleReaction(emoji))}
            >
              {emoji}
            </Button>
          ))}
        </div>
      )}
      <div className={styles.list}>
        {offered.map(({ icon: Icon, label, isDanger, run }) => (
          <Button key={label} className={classes(styles.action, isDanger && styles.danger)} onPress={close(run)}>
            <Icon size={20} strokeWidth={1.75} aria-hidden />
            {label}
          </Button>
        ))}
      </div>
    </Dialog>
  );
}

function useSheetActions(actions: MessageActions): readonly Action[] {
  const t = useT('timeline');
  return [
    { icon: Reply, label: t('reply'), isOffered: actions.canReply, run: actions.reply },
    { icon: MessageSquareText, label: t('replyInThread'), isOffered: actions.canOpenThread, run: actions.openThread },
    { icon: Pencil, label: t('edit'), isOffered: actions.canEdit, run: actions.edit },
    { icon: Copy, label: t('copyText'), isOffered: actions.text !== undefined, run: actions.copyText },
    { icon: Link2, label: t('copyLink'), isOffered: true, run: actions.copyLink },
    { icon: Trash2, label: t('delete'), isOffered: actions.canRemove, isDanger: true, run: actions.remove },
  ];
}
