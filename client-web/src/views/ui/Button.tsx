import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';
import styles from './Button.module.css';
import { classes } from './classes.ts';
import { Spinner } from './Spinner.tsx';

export interface ButtonProps extends Omit<AriaButtonProps, 'children' | 'className' | 'style'> {
  /** `danger` destroys something at once, `warning` opens the question whether to. */
  variant?: 'primary' | 'secondary' | 'ghost' | 'danger' | 'warning';
  size?: 's' | 'm' | 'l';
  icon?: LucideIcon;
  /** Takes the whole width of its container. */
  isBlock?: boolean;
  children: ReactNode;
}

/** A button with words in it. While `isPending`, it keeps its width, shows a spinner and cannot be pressed. */
export function Button({ variant = 'secondary', size = 'm', icon: Icon, isBlock, children, ...props }: ButtonProps) {
  return (
    <AriaButton {...props} className={classes(styles.button, styles[variant], styles[size], isBlock && styles.block)}>
      {({ isPending }) => (
        <>
          <span className={styles.content} data-hidden={isPending || undefined}>
            {Icon && <Icon size={16} strokeWidth={1.75} aria-hidden />}
            {children}
          </span>
          {isPending && (
            <span className={styles.pending}>
              <Spinner />
            </span>
          )}
        </>
      )}
    </AriaButton>
  );
}
