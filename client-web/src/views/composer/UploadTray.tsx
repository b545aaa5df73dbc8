import { RotateCw, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { UploadItem } from '../../view-models/composer.ts';
import { formatBytes } from '../../view-models/format-size.ts';
import type { UploadQueue } from '../../view-models/upload-queue.ts';
import { useLanguage, useT } from '../i18n.tsx';
import { fileIcon } from '../media/FileRow.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './UploadTray.module.css';

/** The files that go with the next message or are on their way. */
export function UploadTray({ uploads }: { uploads: UploadQueue }) {
  const t = useT('composer');
  const { items } = useViewModel(uploads);
  if (items.length === 0) return null;
  return (
    <ul className={styles.tray} aria-label={t('files')}>
      {items.map((item) => (
        <Upload key={item.id} item={item} uploads={uploads} />
      ))}
    </ul>
  );
}

function Upload({ item, uploads }: { item: UploadItem; uploads: UploadQueue }) {
  const t = useT('composer');
  const isTooLarge = item.limitBytes !== undefined;
  return (
    <li className={styles.item} data-failed={item.status === 'failed' || isTooLarge || undefined}>
      <Preview file={item.file} />
      <div className={styles.words}>
        <bdi className={styles.name} title={item.name}>
          {item.name}
        </bdi>
        <Detail item={item} />
      </div>
      {item.status === 'failed' && (
        <IconButton size="s" icon={RotateCw} label={t('retryUpload')} onPress={() => void uploads.retry(item.id)} />
      )}
      <IconButton
        size="s"
        icon={X}
        label={
          item.status === 'sending' ? t('cancelUpload', { name: item.name }) : t('removeFile', { name: item.name })
        }
        onPress={() => uploads.remove(item.id)}
      />
      {item.status === 'sending' && (
        <progress className={styles.progress} value={item.progress} aria-label={t('uploading', { name: item.name })} />
      )}
    </li>
  );
}

function Detail({ item }: { item: UploadItem }) {
  const t = useT('composer');
  const language = useLanguage();
  const percent = new Intl.NumberFormat(language, { style: 'percent' }).format(item.progress);
  const size = formatBytes(item.file.size, language);
  if (item.limitBytes !== undefined) {
    return (
      <span className={styles.detail} role="alert">
        {t('tooLarge', { size, limit: formatBytes(item.limitBytes, language) })}
      </span>
    );
  }
  if (item.status === 'failed') {
    return (
      <span className={styles.detail} role="alert">
        {t('uploadFailed')}
      </span>
    );
  }
  return <span className={styles.detail}>{item.status === 'sending' ? `${percent} · ${size}` : size}</span>;
}

function Preview({ file }: { file: File }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!file.type.startsWith('image/')) return;
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  const Icon = fileIcon(file.type);
  return (
    <span className={styles.preview}>
      {url ? <img src={url} alt="" /> : <Icon size={20} strokeWidth={1.75} aria-hidden />}
    </span>
  );
}
