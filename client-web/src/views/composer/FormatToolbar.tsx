import {
  Bold,
  Code,
  Italic,
  List,
  ListOrdered,
  type LucideIcon,
  SquareCode,
  Strikethrough,
  TextQuote,
} from 'lucide-react';
import { Button } from 'react-aria-components/Button';
import { Toolbar } from 'react-aria-components/Toolbar';
import type { Format, FormatState } from '../../composer/formats.ts';
import { useT } from '../i18n.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';
import styles from './FormatToolbar.module.css';

const BUTTONS: readonly { format: Format; icon: LucideIcon; keys?: string }[] = [
  { format: 'bold', icon: Bold, keys: 'Ctrl B' },
  { format: 'italic', icon: Italic, keys: 'Ctrl I' },
  { format: 'strike', icon: Strikethrough, keys: 'Ctrl Shift S' },
  { format: 'code', icon: Code, keys: 'Ctrl E' },
  { format: 'bulletList', icon: List, keys: 'Ctrl Shift 8' },
  { format: 'orderedList', icon: ListOrdered, keys: 'Ctrl Shift 7' },
  { format: 'blockquote', icon: TextQuote, keys: 'Ctrl Shift B' },
  { format: 'codeBlock', icon: SquareCode, keys: 'Ctrl Alt C' },
];

/** The formats, as buttons. What holds at the cursor is marked. */
export function FormatToolbar({ formats, onFormat }: { formats: FormatState; onFormat: (format: Format) => void }) {
  const t = useT('composer');
  const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);
  return (
    <Toolbar className={styles.toolbar ?? ''} aria-label={t('formatting')}>
      {BUTTONS.map(({ format, icon: Icon, keys }) => (
        <Tooltip key={format} text={t(`format.${format}`)} shortcut={isApple ? keys?.replace('Ctrl', '⌘') : keys}>
          <Button
            className={styles.button ?? ''}
            aria-label={t(`format.${format}`)}
            aria-pressed={formats.active.includes(format)}
            preventFocusOnPress
            onPress={() => onFormat(format)}
          >
            <Icon size={16} strokeWidth={1.75} aria-hidden />
          </Button>
        </Tooltip>
      ))}
    </Toolbar>
  );
}
