import type { TimelineEvent, TimelineViewModel } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { useToast } from '../ui/Toast.tsx';

/** Asks whether to delete a message, and does it. */
export function DeleteDialog(props: { timeline: TimelineViewModel; event: TimelineEvent; onClose: () => void }) {
  const { timeline, event, onClose } = props;
  const t = useT('timeline');
  const toast = useToast();
  return (
    <Dialog
      title={t('deleteTitle')}
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      size="s"
      footer={
        <>
          <Button variant="ghost" onPress={onClose}>
            {t('cancel')}
          </Button>
          <Button
            variant="danger"
            autoFocus
            onPress={() => {
              onClose();
              timeline.remove(event).catch(() => toast(t('deleteFailed'), { tone: 'danger' }));
            }}
          >
            {t('delete')}
          </Button>
        </>
      }
    >
      <p>{t('deleteText')}</p>
    </Dialog>
  );
}
