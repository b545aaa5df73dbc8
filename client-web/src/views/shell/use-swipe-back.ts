import { type RefObject, useEffect } from 'react';

const minDistance = 72;
const maxDrift = 48;
const maxDurationMs = 500;

/** Calls back when a finger has swiped quickly to the right over an element, as phones do to go back. */
export function useSwipeBack(ref: RefObject<HTMLElement | null>, onBack: (() => void) | undefined): void {
  useEffect(() => {
    const element = ref.current;
    if (!element || !onBack) return;
    let start: { x: number; y: number; time: number } | undefined;
    const onStart = (event: TouchEvent) => {
      const touch = event.touches[0];
      start =
        touch && event.touches.length === 1 && !scrollsSideways(event.target, element)
          ? { x: touch.clientX, y: touch.clientY, time: event.timeStamp }
          : undefined;
    };
    const onEnd = (event: TouchEvent) => {
      const touch = event.changedTouches[0];
      if (!start || !touch) return;
      const isQuick = event.timeStamp - start.time < maxDurationMs;
      if (isQuick && touch.clientX - start.x > minDistance && Math.abs(touch.clientY - start.y) < maxDrift) onBack();
      start = undefined;
    };
    element.addEventListener('touchstart', onStart, { passive: true });
    element.addEventListener('touchend', onEnd, { passive: true });
    return () => {
      element.removeEventListener('touchstart', onStart);
      element.removeEventListener('touchend', onEnd);
    };
  }, [ref, onBack]);
}

/** In a code block or table the finger moves the text, and in a text field the caret. */
function scrollsSideways(target: EventTarget | null, boundary: HTMLElement): boolean {
  for (let node = target instanceof Element ? target : null; node && node !== boundary; node = node.parentElement) {
    if (node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflowX !== 'visible') return true;
    if (node instanceof HTMLElement && node.isContentEditable) return true;
  }
  return false;
}
