import { useParams } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useFrame } from '../session-context.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { RoomIcon } from '../ui/RoomIcon.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import headerStyles from './RoomHeader.module.css';
import styles from './RoomPending.module.css';

const widths = ['62%', '38%', '54%', '46%', '70%'];

/** A room in outline, with the name that the list knows, until the room itself is there. */
export function RoomPending() {
  const t = useT('room');
  const { openHome } = useNavigation();
  const { roomId } = useParams({ strict: false });
  const frame = useFrame();
  useViewModel(frame.roomList);
  const summary = roomId === undefined ? undefined : frame.rooms.get(roomId);
  return (
    <main className={styles.main} aria-label={summary?.name ?? t('room')} aria-busy="true" data-region>
      <header className={headerStyles.header}>
        <span className={headerStyles.back}>
          <IconButton icon={ArrowLeft} label={t('back')} tooltip={false} onPress={openHome} />
        </span>
        {summary ? (
          <div className={headerStyles.title}>
            <RoomIcon room={summary} size={summary.kind === 'direct' ? 24 : 20} />
            <h1 className={headerStyles.name}>{summary.name}</h1>
          </div>
        ) : (
          <Skeleton width={160} height={16} />
        )}
      </header>
      <div className={styles.rows} aria-hidden>
        {widths.map((width) => (
          <div key={width} className={styles.row}>
            <Skeleton width={36} height={36} shape="circle" />
            <div className={styles.words}>
              <Skeleton width={120} height={12} />
              <Skeleton width={width} height={12} />
            </div>
          </div>
        ))}
      </div>
    </main>
  );
}
