import { type RefObject, useEffect, useState } from 'react';

const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true;

/**
 * Takes files dropped anywhere on the region that the element is in (the nearest `<main>` or panel).
 *
 * @param onFiles the same function at every drawing
 * @returns whether files are being held over it
 */
export function useFileDrop(element: RefObject<HTMLElement | null>, onFiles: (files: File[]) => void): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const region = element.current?.closest<HTMLElement>('main, aside, [data-drop-region]') ?? element.current;
    if (!region) return;
    // Enter and leave come for every element inside; the region is left when as many left as were entered.
    let depth = 0;
    const onEnter = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth += 1;
      setOver(true);
    };
    const onOver = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const onLeave = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const onDrop = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      onFiles([...(event.dataTransfer?.files ?? [])]);
    };
    region.addEventListener('dragenter', onEnter);
    region.addEventListener('dragover', onOver);
    region.addEventListener('dragleave', onLeave);
    region.addEventListener('drop', onDrop);
    return () => {
      region.removeEventListener('dragenter', onEnter);
      region.removeEventListener('dragover', onOver);
      region.removeEventListener('dragleave', onLeave);
      region.removeEventListener('drop', onDrop);
    };
  }, [element, onFiles]);
  return isOver;
}
