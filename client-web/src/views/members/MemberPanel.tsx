import { Ban, Copy, MessageCircle, UserMinus, UserPlus } from 'lucide-react';
import { useState } from 'react';
import type { MemberState, MemberViewModel } from '../../view-models/member.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { toPresenceMark } from '../ui/presence-mark.ts';
import { Select } from '../ui/Select.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useToast } from '../ui/Toast.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './MemberPanel.module.css';

type Removal = 'kick' | 'ban';

/** One person: who they are and what can be done. Only what is allowed is shown. */
export function MemberPanel({ roomId, userId }: { roomId: string; userId: string }) {
  const t = useT('members');
  const session = useSession();
  const toast = useToast();
  const { openRoom, openSettings } = useNavigation();
  const viewModel = useOwnedViewModel(() => session.createMember(roomId, userId), [session, roomId, userId]);
  const state = useViewModel(viewModel);
  const [removal, setRemoval] = useState<Removal>();
  const message = async () => {
    const directRoomId = await viewModel.message();
    if (directRoomId) openRoom(directRoomId);
  };
  const copyId = async () => {
    await navigator.clipboard.writeText(userId);
    toast(t('idCopied'), { tone: 'success' });
  };
  return (
    <div className={styles.panel}>
      <Avatar id={userId} name={state.name} mxc={state.avatarMxc} size={96} presence={toPresenceMark(state.presence)} />
      <div className={styles.who}>
        <h3 className={styles.name}>{state.name}</h3>
        <p className={styles.id}>
          <span>{userId}</span>
          <IconButton icon={Copy} size="s" label={t('copyId')} onPress={() => void copyId()} />
        </p>
        <p className={styles.facts}>{describe(state, t)}</p>
      </div>
      <ProblemBanner problem={state.problem} />
      <div className={styles.actions}>
        {state.isSelf ? (
          <Button isBlock onPress={() => openSettings('profile')}>
            {t('editProfile')}
          </Button>
        ) : (
          <Button
            icon={MessageCircle}
            variant="primary"
            isBlock
            isPending={state.pending}
            onPress={() => void message()}
          >
            {t('message')}
          </Button>
        )}
        {state.can.invite && (
          <Button icon={UserPlus} isBlock onPress={() => void viewModel.invite()}>
            {t('inviteHere')}
          </Button>
        )}
      </div>
      <Administration state={state} viewModel={viewModel} onRemove={setRemoval} />
      {removal && (
        <RemoveDialog state={state} viewModel={viewModel} removal={removal} onClose={() => setRemoval(undefined)} />
      )}
    </div>
  );
}

interface AdministrationProps {
  state: MemberState;
  viewModel: MemberViewModel;
  onRemove: (removal: Removal) => void;
}

function Administration({ state, viewModel, onRemove }: AdministrationProps) {
  const t = useT('members');
  const { can, role } = state;
  if (can.roles.length === 0 && !can.kick && !can.ban && !can.unban) return null;
  return (
    <div className={styles.administration}>
      {can.roles.length > 0 && role !== 'owner' && (
        <Select
          label={t('role')}
          value={role}
          options={can.roles.map((value) => ({
            value,
            label: t(`role_${value}`),
            description: t(`roleText_${value}`),
          }))}
          onChange={(value) => void viewModel.setRole(value)}
        />
      )}
      {can.kick && (
        <Button icon={UserMinus} variant="warning" isBlock onPress={() => onRemove('kick')}>
          {t(state.membership === 'invite' ? 'withdrawInvite' : 'kick')}
        </Button>
      )}
      {can.ban && (
        <Button icon={Ban} variant="warning" isBlock onPress={() => onRemove('ban')}>
          {t('ban')}
        </Button>
      )}
      {can.unban && (
        <Button isBlock onPress={() => void viewModel.unban()}>
          {t('unban')}
        </Button>
      )}
    </div>
  );
}

interface RemoveDialogProps {
  state: MemberState;
  viewModel: MemberViewModel;
  removal: Removal;
  onClose: () => void;
}

function RemoveDialog({ state, viewModel, removal, onClose }: RemoveDialogProps) {
  const t = useT('members');
  const common = useT('common');
  const [reason, setReason] = useState('');
  const remove = async () => {
    const done = removal === 'kick' ? await viewModel.kick(reason.trim()) : await viewModel.ban(reason.trim());
    if (done) onClose();
  };
  return (
    <Dialog
      title={t(`${removal}Title`, { name: state.name })}
      isOpen
      isAlert
      size="s"
      onOpenChange={onClose}
      footer={
        <>
          <Button onPress={onClose}>{common('cancel')}</Button>
          <Button variant="danger" isPending={state.pending} onPress={() => void remove()}>
            {t(removal)}
          </Button>
        </>
      }
    >
      <p>{t(`${removal}Text`)}</p>
      <TextField label={t('reason')} description={t('reasonHelp')} value={reason} onChange={setReason} autoFocus />
      <ProblemBanner problem={state.problem} />
    </Dialog>
  );
}

function describe(state: MemberState, t: ReturnType<typeof useT>): string {
  const words: string[] = [];
  if (state.membership === 'join') words.push(t(`role_${state.role}`));
  else words.push(t(`membership_${state.membership ?? 'none'}`));
  if (state.presence) words.push(t(`presence_${state.presence}`));
  return words.join(' · ');
}
