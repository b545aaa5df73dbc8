import { ChevronLeft, ChevronRight, Download, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Dialog } from 'react-aria-components/Dialog';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import type { MediaInfo } from '../../view-models/timeline.ts';
import type { MessageItem } from '../../view-models/timeline-items.ts';
import { useLocale, useT } from '../i18n.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { classes } from '../ui/classes.ts';
import { IconButton } from '../ui/IconButton.tsx';
import { Spinner } from '../ui/Spinner.tsx';
import { useMediaUrl } from '../ui/use-media-url.ts';
import { Blurhash } from './Blurhash.tsx';
import styles from './Lightbox.module.css';
import { useDownload } from './use-download.ts';

export interface LightboxProps {
  /** All messages with a picture, oldest first. */
  images: readonly MessageItem[];
  /** Key of the one to show; undefined while closed. */
  openKey: string | undefined;
  onOpen: (key: string | undefined) => void;
}

const mediaOf = (item: MessageItem): MediaInfo | undefined =>
  item.event.body.kind === 'image' ? item.event.body.media : undefined;

/** One picture over the whole window. Arrow keys go to the neighbours, Escape closes, a click changes the size. */
export function Lightbox({ images, openKey, onOpen }: LightboxProps) {
  const t = useT('media');
  const index = images.findIndex((item) => item.key === openKey);
  const item = images[index];
  const media = item && mediaOf(item);
  return (
    <ModalOverlay
      className={styles.overlay ?? ''}
      // Pictures stand on dark ground in both themes.
      data-theme="dark"
      isOpen={media !== undefined}
      onOpenChange={(isOpen) => {
        if (!isOpen) onOpen(undefined);
      }}
      isDismissable
    >
      <Modal className={styles.modal ?? ''}>
        <Dialog className={styles.dialog ?? ''} aria-label={t('image', { name: media?.name ?? '' })}>
          {item && media && (
            <Stage
              key={item.key}
              item={item}
              media={media}
              onStep={(step) => {
                const next = images[index + step];
                if (next) onOpen(next.key);
              }}
              hasPrevious={index > 0}
              hasNext={index < images.length - 1}
              onClose={() => onOpen(undefined)}
            />
          )}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

interface StageProps {
  item: MessageItem;
  media: MediaInfo;
  onStep: (step: -1 | 1) => void;
  hasPrevious: boolean;
  hasNext: boolean;
  onClose: () => void;
}

function Stage({ item, media, onStep, hasPrevious, hasNext, onClose }: StageProps) {
  const t = useT('media');
  const [isFullSize, setFullSize] = useState(false);
  useArrowKeys(onStep);
  return (
    <div className={styles.stage}>
      <Header item={item} media={media} onClose={onClose} />
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes too */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the empty space around the picture closes it */}
      <div className={styles.canvas} onClick={(event) => event.target === event.currentTarget && onClose()}>
        <FullImage media={media} isFullSize={isFullSize} onToggle={() => setFullSize((now) => !now)} />
      </div>
      {hasPrevious && (
        <span className={styles.previous}>
          <IconButton icon={ChevronLeft} size="l" label={t('previousImage')} onPress={() => onStep(-1)} />
        </span>
      )}
      {hasNext && (
        <span className={styles.next}>
          <IconButton icon={ChevronRight} size="l" label={t('nextImage')} onPress={() => onStep(1)} />
        </span>
      )}
    </div>
  );
}

function useArrowKeys(onStep: (step: -1 | 1) => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key === 'ArrowLeft') onStep(-1);
      if (event.key === 'ArrowRight') onStep(1);
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [onStep]);
}

function Header({ item, media, onClose }: { item: MessageItem; media: MediaInfo; onClose: () => void }) {
  const t = useT('media');
  const locale = useLocale();
  const download = useDownload();
  const { sender, timestamp } = item.event;
  const when = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(timestamp);
  return (
    <header className={styles.header}>
      <Avatar name={sender.name} id={sender.id} mxc={sender.avatarMxc} size={28} />
      <div className={styles.words}>
        <bdi className={styles.sender}>{sender.name}</bdi>
        <span className={styles.detail}>
          {when} · <bdi>{media.name}</bdi>
        </span>
      </div>
      {download.isRunning && <Spinner />}
      <IconButton
        icon={Download}
        label={t('download', { name: media.name })}
        isDisabled={!media.mxc || download.isRunning}
        tooltipPlacement="bottom"
        onPress={() => media.mxc && download.save(media.mxc, media.name)}
      />
      <IconButton icon={X} label={t('closeImage')} shortcut="Esc" tooltipPlacement="bottom" onPress={onClose} />
    </header>
  );
}

function FullImage({ media, isFullSize, onToggle }: { media: MediaInfo; isFullSize: boolean; onToggle: () => void }) {
  const t = useT('media');
  const url = useMediaUrl({ mxc: media.mxc });
  const ratio = media.width && media.height ? `${media.width} / ${media.height}` : undefined;
  if (!url) {
    return (
      <div className={styles.waiting} style={{ aspectRatio: ratio }}>
        {media.blurhash && <Blurhash hash={media.blurhash} />}
        <Spinner />
      </div>
    );
  }
  return (
    <button
      type="button"
      className={classes(styles.picture, isFullSize && styles.fullSize)}
      onClick={onToggle}
      aria-label={isFullSize ? t('fitImage') : t('fullSizeImage')}
    >
      <img src={url} alt={media.name} />
    </button>
  );
}
