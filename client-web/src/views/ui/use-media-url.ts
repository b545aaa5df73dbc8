import { useEffect, useState } from 'react';
import type { MediaRequest } from '../../view-models/media.ts';
import { useFrame } from '../session-context.tsx';

/** A `blob:` URL for an authenticated medium; undefined while it loads, if it fails, and without an `mxc`. */
export function useMediaUrl(request: Omit<MediaRequest, 'mxc'> & { mxc: string | undefined }): string | undefined {
  const { media } = useFrame();
  const { mxc, width, height, method } = request;
  const [loaded, setLoaded] = useState<{ mxc: string; url: string }>();
  useEffect(() => {
    if (!mxc) return;
    const handle = media.acquire({
      mxc,
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      ...(method === undefined ? {} : { method }),
    });
    let shown = true;
    handle.url.then(
      (url) => shown && setLoaded({ mxc, url }),
      () => {
        // What stands in for the picture stays.
      },
    );
    return () => {
      shown = false;
      handle.release();
    };
  }, [media, mxc, width, height, method]);
  return loaded !== undefined && loaded.mxc === mxc ? loaded.url : undefined;
}
