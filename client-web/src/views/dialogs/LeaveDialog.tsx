import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './dialogs.module.css';

/** Leaving a private room cannot be taken back by oneself, so it asks. */
export function LeaveDialog({ roomId, onClose }: { roomId: string; onClose: () => void }) {
  const t = useT('dialogs');
  const common = useT('common');
  const session = useSession();
  const { openHome } = useNavigation();
  const viewModel = useOwnedViewModel(() => session.createRoom(roomId), [session, roomId]);
  const { summary, pending, problem } = useViewModel(viewModel);
  if (!summary) return null;
  const leave = async () => {
    if (!(await viewModel.leave())) return;
    onClose();
    openHome();
  };
  const text =
    summary.kind === 'direct' ? 'leaveDirectText' : summary.isPublic ? 'leavePublicText' : 'leavePrivateText';
  return (
    <Dialog
      title={t('leaveTitle', { name: summary.name })}
      isOpen
      isAlert
      size="s"
      onOpenChange={onClose}
      footer={
        <>
          <Button onPress={onClose}>{common('cancel')}</Button>
          <Button variant="danger" isPending={pending} onPress={() => void leave()}>
            {t('leave')}
          </Button>
        </>
      }
    >
      <p className={styles.text}>{t(text)}</p>
      <ProblemBanner problem={problem} />
    </Dialog>
  );
}
