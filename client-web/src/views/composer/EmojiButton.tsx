import type { LucideIcon } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Button } from 'react-aria-components/Button';
import { DialogTrigger } from 'react-aria-components/Dialog';
import { Popover } from '../ui/Popover.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';

// With its data it is larger than the whole frame of a room.
const EmojiPicker = lazy(() => import('./EmojiPicker.tsx').then((module) => ({ default: module.EmojiPicker })));

export interface EmojiButtonProps {
  icon: LucideIcon;
  label: string;
  className: string;
  onPick: (emoji: string) => void;
  onOpenChange?: (isOpen: boolean) => void;
  iconSize?: number;
}

/** A button that opens the emoji picker. */
export function EmojiButton({ icon: Icon, label, className, onPick, onOpenChange, iconSize = 16 }: EmojiButtonProps) {
  const [isOpen, setOpen] = useState(false);
  const change = (next: boolean): void => {
    setOpen(next);
    onOpenChange?.(next);
  };
  return (
    <DialogTrigger isOpen={isOpen} onOpenChange={change}>
      <Tooltip text={label}>
        <Button className={className} aria-label={label}>
          <Icon size={iconSize} strokeWidth={1.75} aria-hidden />
        </Button>
      </Tooltip>
      <Popover label={label} placement="bottom end">
        <Suspense>
          <EmojiPicker
            onPick={(emoji) => {
              change(false);
              onPick(emoji);
            }}
          />
        </Suspense>
      </Popover>
    </DialogTrigger>
  );
}
