import { ALargeSmall, Check, Plus, SendHorizontal, Smile } from 'lucide-react';
import { memo, useRef } from 'react';
import { Button } from 'react-aria-components/Button';
import { useT } from '../i18n.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';
import styles from './ComposerField.module.css';
import { EmojiButton } from './EmojiButton.tsx';

export interface ComposerButtonsProps {
  isToolbarOpen: boolean;
  isEditing: boolean;
  canSend: boolean;
  onToggleToolbar: () => void;
  onEmoji: (emoji: string) => void;
  onSend: () => void;
}

/** What stands after the field: formats, emoji, and sending. Drawn again only when it changes itself, not at each letter. */
export const ComposerButtons = memo(function ComposerButtons(props: ComposerButtonsProps) {
  const { isToolbarOpen, isEditing, canSend, onToggleToolbar, onEmoji, onSend } = props;
  const t = useT('composer');
  const send = t(isEditing ? 'save' : 'send');
  const Icon = isEditing ? Check : SendHorizontal;
  return (
    <div className={styles.buttons}>
      <IconButton icon={ALargeSmall} label={t('formatting')} isActive={isToolbarOpen} onPress={onToggleToolbar} />
      <EmojiButton icon={Smile} label={t('emoji')} className={styles.emoji ?? ''} iconSize={18} onPick={onEmoji} />
      <Tooltip text={send}>
        <Button
          className={styles.send ?? ''}
          aria-label={send}
          isDisabled={!canSend}
          preventFocusOnPress
          onPress={onSend}
        >
          <Icon size={18} strokeWidth={isEditing ? 2 : 1.75} aria-hidden />
        </Button>
      </Tooltip>
    </div>
  );
});

/** Opens the browser's own choice of files. */
export const FileButton = memo(function FileButton({ onFiles }: { onFiles: (files: File[]) => void }) {
  const t = useT('composer');
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton icon={Plus} label={t('attach')} onPress={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          // So that the same file can be chosen again.
          event.target.value = '';
        }}
      />
    </>
  );
});
