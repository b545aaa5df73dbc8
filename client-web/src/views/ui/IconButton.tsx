import type { LucideIcon } from 'lucide-react';
import { memo, type Ref } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';
import { classes } from './classes.ts';
import styles from './IconButton.module.css';
import { Tooltip, type TooltipProps } from './Tooltip.tsx';

export interface IconButtonProps extends Omit<AriaButtonProps, 'children' | 'className' | 'style' | 'aria-label'> {
  /** What it does: read aloud, and shown as a tooltip. */
  label: string;
  icon: LucideIcon;
  size?: 's' | 'm' | 'l';
  variant?: 'ghost' | 'primary';
  /** It is on: its panel is open, its mark is set. */
  isActive?: boolean;
  tooltip?: boolean;
  tooltipPlacement?: TooltipProps['placement'];
  shortcut?: string;
  ref?: Ref<HTMLButtonElement>;
}

const iconSizes = { s: 16, m: 18, l: 20 } as const;

/** Drawn again only when a property is another one: give it a handler that stays the same where it is drawn often. */
export const IconButton = memo(function IconButton({
  label,
  icon: Icon,
  size = 'm',
  variant = 'ghost',
  isActive,
  tooltip = true,
  tooltipPlacement,
  shortcut,
  ...props
}: IconButtonProps) {
  const button = (
    <AriaButton
      {...props}
      aria-label={label}
      className={classes(styles.button, styles[size], styles[variant], isActive && styles.active)}
    >
      <Icon size={iconSizes[size]} strokeWidth={1.75} aria-hidden />
    </AriaButton>
  );
  if (!tooltip) return button;
  return (
    <Tooltip text={label} shortcut={shortcut} {...(tooltipPlacement ? { placement: tooltipPlacement } : {})}>
      {button}
    </Tooltip>
  );
});
