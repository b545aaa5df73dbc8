import { useState } from 'react';
import type { PeoplePickerViewModel } from '../../view-models/people-picker.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Banner } from '../ui/Banner.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemBanner, useProblemText } from '../ui/ProblemBanner.tsx';
import { useToast } from '../ui/Toast.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import { PeoplePicker } from './PeoplePicker.tsx';

/** Writing to somebody. */
export function DirectMessageDialog({ onClose }: { onClose: () => void }) {
  const t = useT('dialogs');
  const session = useSession();
  const { openRoom } = useNavigation();
  const viewModel = useOwnedViewModel(() => session.createPeoplePicker(undefined), [session]);
  const open = async () => {
    const roomId = await viewModel.openDirectMessage();
    if (!roomId) return;
    onClose();
    openRoom(roomId);
  };
  return (
    <PeopleDialog
      title={t('newMessage')}
      action={t('startMessage')}
      viewModel={viewModel}
      onDone={open}
      onClose={onClose}
    />
  );
}

/** Bringing people into a room. */
export function InviteDialog({ roomId, onClose }: { roomId: string; onClose: () => void }) {
  const t = useT('dialogs');
  const session = useSession();
  const toast = useToast();
  const viewModel = useOwnedViewModel(() => session.createPeoplePicker(roomId), [session, roomId]);
  const [name] = useState(() => {
    const { sections } = session.roomList.getState();
    return sections.flatMap((section) => section.rooms).find((room) => room.roomId === roomId)?.name ?? '';
  });
  const invite = async () => {
    const count = viewModel.getState().chosen.length;
    if (!(await viewModel.invite())) return;
    toast(t('invited', { count }), { tone: 'success' });
    onClose();
  };
  return (
    <PeopleDialog
      title={t('inviteTo', { name })}
      action={t('invite')}
      viewModel={viewModel}
      onDone={invite}
      onClose={onClose}
    />
  );
}

interface PeopleDialogProps {
  title: string;
  action: string;
  viewModel: PeoplePickerViewModel;
  onDone: () => Promise<void>;
  onClose: () => void;
}

function PeopleDialog({ title, action, viewModel, onDone, onClose }: PeopleDialogProps) {
  const common = useT('common');
  const describe = useProblemText();
  const { chosen, pending, problem, failed } = useViewModel(viewModel);
  return (
    <Dialog
      title={title}
      isOpen
      onOpenChange={onClose}
      footer={
        <>
          <Button onPress={onClose}>{common('cancel')}</Button>
          <Button variant="primary" isPending={pending} isDisabled={chosen.length === 0} onPress={() => void onDone()}>
            {action}
          </Button>
        </>
      }
    >
      <ProblemBanner problem={problem} />
      {failed.map(({ user, problem: reason }) => (
        <Banner key={user.userId} tone="danger">
          {user.name}: {describe(reason)}
        </Banner>
      ))}
      <PeoplePicker viewModel={viewModel} />
    </Dialog>
  );
}
