import {
  Download,
  File,
  FileArchive,
  FileAudio,
  FileCode,
  FileSpreadsheet,
  FileText,
  FileVideo,
  type LucideIcon,
  X,
} from 'lucide-react';
import { formatBytes } from '../../view-models/format-size.ts';
import type { MediaInfo } from '../../view-models/timeline.ts';
import { useLanguage, useT } from '../i18n.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import styles from './FileRow.module.css';
import { useDownload } from './use-download.ts';

const ICONS: readonly [RegExp, LucideIcon][] = [
  [/^video\//, FileVideo],
  [/^audio\//, FileAudio],
  [/zip|compressed|tar|gzip|rar|7z/, FileArchive],
  [/spreadsheet|excel|csv/, FileSpreadsheet],
  [/json|xml|javascript|typescript|html|css|x-sh|python/, FileCode],
  [/^text\/|pdf|document|msword|rtf/, FileText],
];

export function fileIcon(mimetype: string | undefined): LucideIcon {
  return ICONS.find(([pattern]) => pattern.test(mimetype ?? ''))?.[1] ?? File;
}

/** A file: what it is, how large, and a button to fetch it that shows how far that is. */
export function FileRow({ media }: { media: MediaInfo }) {
  const t = useT('media');
  const language = useLanguage();
  const download = useDownload();
  const Icon = fileIcon(media.mimetype);
  const size = media.bytes === undefined ? undefined : formatBytes(media.bytes, language);
  return (
    <div className={styles.row}>
      <Icon size={20} strokeWidth={1.75} className={styles.icon} aria-hidden />
      <div className={styles.words}>
        <bdi className={styles.name} title={media.name}>
          {media.name || t('unnamedFile')}
        </bdi>
        <span className={styles.detail} role={download.error ? 'alert' : undefined}>
          {download.error ? t('downloadFailed') : (size ?? media.mimetype ?? '')}
        </span>
      </div>
      {download.isRunning ? (
        <IconButton icon={X} label={t('cancelDownload')} onPress={download.cancel} />
      ) : (
        <IconButton
          icon={Download}
          label={t('download', { name: media.name })}
          isDisabled={!media.mxc}
          onPress={() => media.mxc && download.save(media.mxc, media.name)}
        />
      )}
      {download.isRunning && (
        <progress className={styles.progress} {...(download.fraction !== undefined && { value: download.fraction })} />
      )}
    </div>
  );
}
