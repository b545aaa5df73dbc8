import { ArrowLeft, SearchX } from 'lucide-react';
import type { RoomPreviewState, RoomPreviewViewModel } from '../../view-models/room-preview.ts';
import { useT } from '../i18n.tsx';
import { useNavigation, usePlace } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Button } from '../ui/Button.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './RoomPreview.module.css';

/** A room that the user is not in: what it is, who invites, and the way in. */
export function RoomPreview({ target }: { target: string }) {
  const t = useT('room');
  const session = useSession();
  const { via } = usePlace();
  const { openHome } = useNavigation();
  const viewModel = useOwnedViewModel(
    () => session.createRoomPreview(target, via?.split(',').filter(Boolean) ?? []),
    [session, target, via],
  );
  const state = useViewModel(viewModel);
  return (
    <main className={styles.page} aria-label={state.name} data-region>
      <span className={styles.back}>
        <IconButton icon={ArrowLeft} label={t('back')} tooltip={false} onPress={openHome} />
      </span>
      {state.status === 'not-found' ? (
        <EmptyState icon={SearchX} title={t('notFound')} actions={<Button onPress={openHome}>{t('toHome')}</Button>}>
          {t('notFoundText', { target })}
        </EmptyState>
      ) : (
        <Card state={state} viewModel={viewModel} />
      )}
    </main>
  );
}

function Card({ state, viewModel }: { state: RoomPreviewState; viewModel: RoomPreviewViewModel }) {
  const t = useT('room');
  const { openRoom, openHome } = useNavigation();
  const { inviter } = state;
  const join = async () => {
    const roomId = await viewModel.join();
    if (roomId) openRoom(roomId);
  };
  const decline = async () => {
    if (await viewModel.decline()) openHome();
  };
  if (state.status === 'loading') return <CardSkeleton />;
  return (
    <div className={styles.card}>
      {state.isDirect && inviter ? (
        <Avatar id={inviter.userId} name={inviter.name} mxc={inviter.avatarMxc} size={64} />
      ) : (
        <Avatar id={state.roomId ?? state.name} name={state.name} mxc={state.avatarMxc} size={64} shape="room" />
      )}
      <h1 className={styles.name}>{state.isDirect && inviter ? inviter.name : state.name}</h1>
      {inviter && (
        <p className={styles.text}>
          {t(state.isDirect ? 'invitesToDirect' : 'invites', { name: inviter.name })}
          {inviter.name !== inviter.userId && <span className={styles.id}>{inviter.userId}</span>}
        </p>
      )}
      {state.memberCount !== undefined && (
        <p className={styles.text}>{t('memberCount', { count: state.memberCount })}</p>
      )}
      {state.topic && <p className={styles.topic}>{state.topic}</p>}
      {state.removal && (
        <p className={styles.text}>
          {t(state.isBanned ? 'bannedBy' : 'removedBy', { name: state.removal.name })}
          {state.removal.reason && <span className={styles.reason}>{state.removal.reason}</span>}
        </p>
      )}
      <ProblemBanner problem={state.problem} />
      {!state.isBanned && (
        <div className={styles.actions}>
          {inviter && (
            <Button size="l" onPress={() => void decline()} isDisabled={state.pending}>
              {t('decline')}
            </Button>
          )}
          <Button size="l" variant="primary" isPending={state.pending} onPress={() => void join()}>
            {t(inviter ? 'accept' : 'join')}
          </Button>
        </div>
      )}
    </div>
  );
}

function CardSkeleton() {
  return (
    <div className={styles.card} aria-busy="true">
      <Skeleton width={64} height={64} shape="square" />
      <Skeleton width={180} height={22} />
      <Skeleton width={260} height={14} />
    </div>
  );
}
