import type { ReactNode } from 'react';
import { Dialog } from 'react-aria-components/Dialog';
import { Popover as AriaPopover, type PopoverProps as AriaPopoverProps } from 'react-aria-components/Popover';
import styles from './Popover.module.css';

export interface PopoverProps extends Omit<AriaPopoverProps, 'children' | 'className' | 'style'> {
  /** What it is, read aloud. */
  label: string;
  children: ReactNode;
}

/** Floats beside its trigger (`DialogTrigger` around both, or `triggerRef` and `isOpen`). */
export function Popover({ label, children, ...props }: PopoverProps) {
  return (
    <AriaPopover offset={6} {...props} className={styles.popover ?? ''}>
      <Dialog className={styles.dialog ?? ''} aria-label={label}>
        {children}
      </Dialog>
    </AriaPopover>
  );
}
