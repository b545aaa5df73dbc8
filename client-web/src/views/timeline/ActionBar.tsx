import { Copy, Ellipsis, Link2, MessageSquareText, Pencil, Reply, SmilePlus, Trash2 } from 'lucide-react';
import { Button } from 'react-aria-components/Button';
import { Toolbar } from 'react-aria-components/Toolbar';
import type { TimelineEvent } from '../../view-models/timeline.ts';
import { EmojiButton } from '../composer/EmojiButton.tsx';
import { useT } from '../i18n.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { Menu, MenuItem, MenuSeparator } from '../ui/Menu.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';
import styles from './ActionBar.module.css';
import { type MessageActions, useMessageActions } from './use-message-actions.ts';

export interface ActionBarProps {
  event: TimelineEvent;
  /** Told while a menu or picker of the bar is open, so that the bar stays. */
  onOpenChange: (isOpen: boolean) => void;
}

/** The actions of one message, shown while the pointer or the focus is on it. */
export function ActionBar({ event, onOpenChange }: ActionBarProps) {
  const t = useT('timeline');
  const actions = useMessageActions(event);
  return (
    <Toolbar className={styles.bar ?? ''} aria-label={t('actions')}>
      {actions.canReact && (
        <>
          {actions.quickReactions.slice(0, 3).map((emoji) => (
            <Tooltip key={emoji} text={t('reactWith', { key: emoji })}>
              <Button
                className={styles.emoji ?? ''}
                aria-label={t('reactWith', { key: emoji })}
                onPress={() => actions.toggleReaction(emoji)}
              >
                {emoji}
              </Button>
            </Tooltip>
          ))}
          <EmojiButton
            icon={SmilePlus}
            label={t('addReaction')}
            className={styles.picker ?? ''}
            onPick={actions.toggleReaction}
            onOpenChange={onOpenChange}
          />
        </>
      )}
      {actions.canReply && <IconButton size="s" icon={Reply} label={t('reply')} onPress={actions.reply} />}
      {actions.canOpenThread && (
        <IconButton size="s" icon={MessageSquareText} label={t('replyInThread')} onPress={actions.openThread} />
      )}
      {actions.canEdit && <IconButton size="s" icon={Pencil} label={t('edit')} onPress={actions.edit} />}
      <Menu
        trigger={<IconButton size="s" icon={Ellipsis} label={t('more')} />}
        label={t('more')}
        onOpenChange={onOpenChange}
      >
        <MoreItems actions={actions} />
      </Menu>
    </Toolbar>
  );
}

function MoreItems({ actions }: { actions: MessageActions }) {
  const t = useT('timeline');
  return (
    <>
      {actions.text !== undefined && (
        <MenuItem icon={Copy} onAction={actions.copyText}>
          {t('copyText')}
        </MenuItem>
      )}
      <MenuItem icon={Link2} onAction={actions.copyLink}>
        {t('copyLink')}
      </MenuItem>
      {actions.canRemove && <MenuSeparator />}
      {actions.canRemove && (
        <MenuItem icon={Trash2} danger onAction={actions.remove}>
          {t('delete')}
        </MenuItem>
      )}
    </>
  );
}
