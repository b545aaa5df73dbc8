import { useCallback, useEffect, useRef, useState } from 'react';
import { saveBlob } from '../../platform/save-blob.ts';
import { useTimelineViewModel } from '../timeline/timeline-context.ts';

export interface Download {
  isRunning: boolean;
  /** 0 … 1; undefined while the size is not known. */
  fraction: number | undefined;
  error: boolean;
  /** Fetches the file and gives it to the browser to keep. */
  save: (mxc: string, name: string) => void;
  /** Fetches the file and hands over a `blob:` URL that lives as long as the component. */
  open: (mxc: string, onUrl: (url: string) => void) => void;
  cancel: () => void;
}

interface State {
  isRunning: boolean;
  fraction: number | undefined;
  error: boolean;
}

const IDLE: State = { isRunning: false, fraction: undefined, error: false };

/** One download at a time, cancelled when the component goes. */
export function useDownload(): Download {
  const timeline = useTimelineViewModel();
  const [state, setState] = useState(IDLE);
  const running = useRef<AbortController>(undefined);
  const urls = useRef<string[]>([]);

  const cancel = useCallback(() => {
    running.current?.abort();
    running.current = undefined;
    setState(IDLE);
  }, []);

  const fetchBlob = useCallback(
    async (mxc: string, onDone: (blob: Blob) => void): Promise<void> => {
      running.current?.abort();
      const controller = new AbortController();
      running.current = controller;
      setState({ isRunning: true, fraction: undefined, error: false });
      try {
        const onProgress = (fraction: number | undefined): void => setState((now) => ({ ...now, fraction }));
        const blob = await timeline.download(mxc, { onProgress, signal: controller.signal });
        setState(IDLE);
        onDone(blob);
      } catch {
        // Cancelled by us, or replaced by a newer download: nothing to report.
        if (!controller.signal.aborted) setState({ ...IDLE, error: true });
      }
    },
    [timeline],
  );

  useEffect(() => {
    const made = urls.current;
    return () => {
      running.current?.abort();
      for (const url of made.splice(0)) URL.revokeObjectURL(url);
    };
  }, []);

  return {
    ...state,
    cancel,
    save: (mxc, name) => void fetchBlob(mxc, (blob) => saveBlob(blob, name)),
    open: (mxc, onUrl) =>
      void fetchBlob(mxc, (blob) => {
        const url = URL.createObjectURL(blob);
        urls.current.push(url);
        onUrl(url);
      }),
  };
}
