import { Play } from 'lucide-react';
import { useState } from 'react';
import { formatBytes, formatDuration } from '../../view-models/format-size.ts';
import { mediaBox } from '../../view-models/media-box.ts';
import type { MediaInfo } from '../../view-models/timeline.ts';
import { useLanguage, useT } from '../i18n.tsx';
import { useMediaUrl } from '../ui/use-media-url.ts';
import { Blurhash } from './Blurhash.tsx';
import styles from './PlayableView.module.css';
import { useDownload } from './use-download.ts';

function useDetail(media: MediaInfo): string {
  const language = useLanguage();
  return [
    media.durationMs === undefined ? undefined : formatDuration(media.durationMs),
    media.bytes === undefined ? undefined : formatBytes(media.bytes, language),
  ]
    .filter(Boolean)
    .join(' · ');
}

/** A video in the box its sender announced. It is fetched when it is to be played. */
export function VideoView({ media }: { media: MediaInfo }) {
  const t = useT('media');
  const box = mediaBox(media);
  const poster = useMediaUrl({ mxc: media.thumbnailMxc });
  const download = useDownload();
  const [url, setUrl] = useState<string>();
  const detail = useDetail(media);
  return (
    <div className={styles.video} style={{ width: box.width, aspectRatio: `${box.width} / ${box.height}` }}>
      {url ? (
        // biome-ignore lint/a11y/useMediaCaption: there is no source of captions for what people send
        <video src={url} controls autoPlay poster={poster} />
      ) : (
        <>
          {media.blurhash && <Blurhash hash={media.blurhash} />}
          {poster && <img src={poster} alt="" className={styles.poster} />}
          <button
            type="button"
            className={styles.play}
            disabled={!media.mxc || download.isRunning}
            aria-label={t('playVideo', { name: media.name })}
            onClick={() => media.mxc && download.open(media.mxc, setUrl)}
          >
            <Play size={20} strokeWidth={1.75} fill="currentColor" aria-hidden />
          </button>
          {(detail || download.error) && (
            <span className={styles.detail}>{download.error ? t('downloadFailed') : detail}</span>
          )}
          {download.isRunning && (
            <progress
              className={styles.progress}
              {...(download.fraction !== undefined && { value: download.fraction })}
            />
          )}
        </>
      )}
    </div>
  );
}

/** A sound recording with the browser's own controls, once it has been fetched. */
export function AudioView({ media, isVoice }: { media: MediaInfo; isVoice: boolean }) {
  const t = useT('media');
  const download = useDownload();
  const [url, setUrl] = useState<string>();
  const detail = useDetail(media);
  const name = isVoice ? t('voiceMessage') : media.name;
  return (
    <div className={styles.audio}>
      {url ? (
        // biome-ignore lint/a11y/useMediaCaption: there is no source of captions for what people send
        <audio src={url} controls autoPlay aria-label={name} />
      ) : (
        <>
          <button
            type="button"
            className={styles.playSmall}
            disabled={!media.mxc || download.isRunning}
            aria-label={t('playAudio', { name })}
            onClick={() => media.mxc && download.open(media.mxc, setUrl)}
          >
            <Play size={16} strokeWidth={1.75} fill="currentColor" aria-hidden />
          </button>
          <div className={styles.words}>
            <bdi className={styles.name}>{name}</bdi>
            <span className={styles.audioDetail}>{download.error ? t('downloadFailed') : detail}</span>
          </div>
        </>
      )}
    </div>
  );
}
