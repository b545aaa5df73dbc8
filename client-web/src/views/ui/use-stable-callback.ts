import { useCallback, useLayoutEffect, useRef } from 'react';

/** The same function at every drawing, which calls the latest one: what it is given to need not be drawn again. For events only. */
export function useStableCallback<Arguments extends unknown[], Result>(
  callback: (...values: Arguments) => Result,
): (...values: Arguments) => Result {
  const latest = useRef(callback);
  useLayoutEffect(() => {
    latest.current = callback;
  });
  return useCallback((...values: Arguments) => latest.current(...values), []);
}
