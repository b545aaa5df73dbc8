import type { LucideIcon } from 'lucide-react';
import { Check } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { Header } from 'react-aria-components/Header';
import {
  Menu as AriaMenu,
  MenuItem as AriaMenuItem,
  MenuSection as AriaMenuSection,
  MenuTrigger,
} from 'react-aria-components/Menu';
import { Popover, type PopoverProps } from 'react-aria-components/Popover';
import { Separator } from 'react-aria-components/Separator';
import { classes } from './classes.ts';
import styles from './Menu.module.css';

export interface MenuProps {
  /** The button that opens it: Button, IconButton or another React Aria button. */
  trigger: ReactElement;
  /** What the menu is about, read aloud. */
  label?: string;
  placement?: PopoverProps['placement'];
  children: ReactNode;
  onOpenChange?: (isOpen: boolean) => void;
}

/** `MenuItem`, `MenuSection` and `MenuSeparator` in a popover under its trigger. */
export function Menu({ trigger, label, placement = 'bottom end', children, onOpenChange }: MenuProps) {
  return (
    <MenuTrigger {...(onOpenChange ? { onOpenChange } : {})}>
      {trigger}
      <Popover className={styles.popover ?? ''} placement={placement} offset={4}>
        <AriaMenu className={styles.menu ?? ''} {...(label ? { 'aria-label': label } : {})}>
          {children}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}

export interface MenuItemProps {
  children: string;
  icon?: LucideIcon;
  description?: string;
  shortcut?: string;
  /** Destroys something. */
  danger?: boolean;
  /** The one of several that is in force now. */
  isChosen?: boolean;
  isDisabled?: boolean;
  onAction: () => void;
}

export function MenuItem({
  children,
  icon: Icon,
  description,
  shortcut,
  danger,
  isChosen,
  isDisabled,
  onAction,
}: MenuItemProps) {
  return (
    <AriaMenuItem
      className={classes(styles.item, danger && styles.danger)}
      textValue={children}
      onAction={onAction}
      isDisabled={isDisabled ?? false}
    >
      {Icon && <Icon size={16} strokeWidth={1.75} aria-hidden />}
      <span className={styles.text}>
        {children}
        {description && <span className={styles.description}>{description}</span>}
      </span>
      {shortcut && <kbd className={styles.shortcut}>{shortcut}</kbd>}
      {isChosen && <Check size={16} strokeWidth={2} aria-hidden />}
    </AriaMenuItem>
  );
}

export function MenuSection({ title, children }: { title: string; children: ReactNode }) {
  return (
    <AriaMenuSection>
      <Header className={styles.sectionTitle ?? ''}>{title}</Header>
      {children}
    </AriaMenuSection>
  );
}

export function MenuSeparator() {
  return <Separator className={styles.separator ?? ''} />;
}
