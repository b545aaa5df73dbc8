import type { ReactElement, ReactNode } from 'react';
import { Focusable } from 'react-aria-components/Focusable';
import type { PopoverProps } from 'react-aria-components/Popover';
import { Tooltip as AriaTooltip, TooltipTrigger } from 'react-aria-components/Tooltip';
import styles from './Tooltip.module.css';

export interface TooltipProps {
  text: ReactNode;
  /** The keys that do the same, shown beside the text. */
  shortcut?: string | undefined;
  placement?: PopoverProps['placement'];
  isDisabled?: boolean;
  /** One element of React Aria (Button, Link …), or with `isPlain` any element that can take focus. */
  children: ReactElement;
  isPlain?: boolean;
}

/** A name for what the pointer rests on or the keyboard has reached. Never the only place where something is said. */
export function Tooltip({ text, shortcut, placement = 'top', isDisabled = false, children, isPlain }: TooltipProps) {
  return (
    <TooltipTrigger delay={500} closeDelay={80} isDisabled={isDisabled}>
      {isPlain ? <Focusable>{children as Parameters<typeof Focusable>[0]['children']}</Focusable> : children}
      <AriaTooltip className={styles.tooltip ?? ''} placement={placement} offset={6}>
        {text}
        {shortcut && <kbd className={styles.shortcut}>{shortcut}</kbd>}
      </AriaTooltip>
    </TooltipTrigger>
  );
}
