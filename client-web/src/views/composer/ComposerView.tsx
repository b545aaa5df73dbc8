import { Ban, DoorClosed, LockKeyhole, type LucideIcon } from 'lucide-react';
import { lazy, Suspense } from 'react';
import type { BlockedReason } from '../../view-models/composer.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Button } from '../ui/Button.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './ComposerView.module.css';

// The editor is a large library; the room is readable before it is there.
const ComposerField = lazy(async () => ({ default: (await import('./ComposerField.tsx')).ComposerField }));

/** Where messages are written, or why they cannot be. */
export function ComposerView({ roomId, threadId }: { roomId: string; threadId?: string | undefined }) {
  const session = useSession();
  const composer = useOwnedViewModel(() => session.createComposer(roomId, { threadId }), [session, roomId, threadId]);
  const { blocked, replacementRoomId } = useViewModel(composer);
  return (
    <div className={styles.composer}>
      {blocked ? (
        <Blocked reason={blocked} replacementRoomId={replacementRoomId} />
      ) : (
        <Suspense fallback={<div className={styles.waiting} />}>
          <ComposerField composer={composer} />
        </Suspense>
      )}
    </div>
  );
}

const ICONS: Record<BlockedReason, LucideIcon> = {
  notJoined: DoorClosed,
  noPermission: Ban,
  encrypted: LockKeyhole,
  replaced: DoorClosed,
};

function Blocked({ reason, replacementRoomId }: { reason: BlockedReason; replacementRoomId: string | undefined }) {
  const t = useT('composer');
  const navigation = useNavigation();
  const Icon = ICONS[reason];
  return (
    <div className={styles.blocked} role="note">
      <Icon size={18} strokeWidth={1.75} aria-hidden />
      <span>{t(`blocked.${reason}`)}</span>
      {reason === 'replaced' && replacementRoomId && (
        <Button size="s" onPress={() => navigation.openRoom(replacementRoomId)}>
          {t('openReplacement')}
        </Button>
      )}
    </div>
  );
}
