import { useState } from 'react';
import { mediaBox } from '../../view-models/media-box.ts';
import type { MediaInfo } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { useMediaUrl } from '../ui/use-media-url.ts';
import { Blurhash } from './Blurhash.tsx';
import styles from './ImageView.module.css';

const SMALL_BYTES = 300_000;

/** Pictures that move, and small ones, are fetched as they are; of the others the server makes a smaller one. */
function sourceOf(media: MediaInfo): { mxc: string | undefined; width?: number; height?: number } {
  const isAnimated = media.mimetype === 'image/gif' || media.mimetype === 'image/apng';
  const isVector = media.mimetype === 'image/svg+xml';
  if (isAnimated || isVector || (media.bytes !== undefined && media.bytes <= SMALL_BYTES)) return { mxc: media.mxc };
  if (media.thumbnailMxc) return { mxc: media.thumbnailMxc };
  return { mxc: media.mxc, width: 480, height: 360 };
}

/** A picture in the box that its sender announced, so that nothing moves when it arrives. Opens large. */
export function ImageView({ media, onOpen }: { media: MediaInfo; onOpen: () => void }) {
  const t = useT('media');
  const box = mediaBox(media);
  const url = useMediaUrl({ ...sourceOf(media), method: 'scale' });
  const [isDrawn, setDrawn] = useState(false);
  return (
    <button
      type="button"
      className={styles.image}
      style={{ width: box.width, aspectRatio: `${box.width} / ${box.height}` }}
      onClick={onOpen}
      aria-label={t('openImage', { name: media.name })}
    >
      {!isDrawn && media.blurhash && <Blurhash hash={media.blurhash} />}
      {url && <img src={url} alt={media.name} draggable={false} onLoad={() => setDrawn(true)} />}
    </button>
  );
}

/** A sticker: a small picture without a frame. */
export function StickerView({ media }: { media: MediaInfo }) {
  const box = mediaBox(media, { width: 160, height: 160 });
  const url = useMediaUrl({ mxc: media.mxc });
  return (
    <span className={styles.sticker} style={{ width: box.width, height: box.height }}>
      {url && <img src={url} alt={media.name} title={media.name} />}
    </span>
  );
}
