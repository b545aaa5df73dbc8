import { type KeyboardEvent, type PointerEvent, useRef } from 'react';
import styles from './Splitter.module.css';

export interface SplitterProps {
  label: string;
  /** Width in CSS pixels of the region that it makes wider or narrower. */
  width: number;
  limits: { min: number; max: number; initial: number };
  /** The region, which contains the splitter, lies before (left of) or after it. */
  side: 'before' | 'after';
  onChange: (width: number) => void;
}

const step = 16;

/** The draggable edge of a region; arrow keys move it, a double press puts it back. */
export function Splitter({ label, width, limits, side, onChange }: SplitterProps) {
  const drag = useRef<{ startX: number; startWidth: number }>(undefined);
  const direction = side === 'before' ? 1 : -1;
  const change = (next: number) => onChange(Math.min(limits.max, Math.max(limits.min, next)));

  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { startX: event.clientX, startWidth: width };
  };
  const onPointerMove = (event: PointerEvent) => {
    if (!drag.current) return;
    change(drag.current.startWidth + direction * (event.clientX - drag.current.startX));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowRight: width + direction * step,
      ArrowLeft: width - direction * step,
      Home: limits.min,
      End: limits.max,
    };
    const next = moves[event.key];
    if (next === undefined) return;
    event.preventDefault();
    change(next);
  };

  return (
    // biome-ignore lint/a11y/useSemanticElements: an <hr> cannot be dragged
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={width}
      aria-valuemin={limits.min}
      aria-valuemax={limits.max}
      tabIndex={0}
      className={styles.splitter}
      data-side={side}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={() => {
        drag.current = undefined;
      }}
      onDoubleClick={() => onChange(limits.initial)}
      onKeyDown={onKeyDown}
    />
  );
}
