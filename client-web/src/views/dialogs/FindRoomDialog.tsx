import { Search, Users } from 'lucide-react';
import { useState } from 'react';
import { parseMatrixLink } from '../../view-models/matrix-link.ts';
import type { PublicRoom, RoomDirectoryViewModel } from '../../view-models/room-directory.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Banner } from '../ui/Banner.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './FindRoomDialog.module.css';

/** The list of public channels, here or on another server; an address or link can be typed as well. */
export function FindRoomDialog({ onClose }: { onClose: () => void }) {
  const t = useT('dialogs');
  const session = useSession();
  const { openLink } = useNavigation();
  const viewModel = useOwnedViewModel(() => session.createRoomDirectory(), [session]);
  const { term, problem } = useViewModel(viewModel);
  const [server, setServer] = useState('');
  const address = toAddress(term);

  const openAddress = () => {
    if (address && openLink(address)) onClose();
  };

  return (
    <Dialog title={t('findChannel')} isOpen onOpenChange={onClose} size="l">
      <div className={styles.fields}>
        <TextField
          label={t('search')}
          isLabelHidden
          placeholder={t('searchPlaceholder')}
          prefix={<Search size={15} strokeWidth={1.75} aria-hidden />}
          value={term}
          onChange={(text) => viewModel.setTerm(text)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') openAddress();
            else event.continuePropagation();
          }}
          isIdentifier
          autoFocus
        />
        <TextField
          label={t('server')}
          isLabelHidden
          placeholder={session.serverName}
          prefix={t('serverPrefix')}
          value={server}
          onChange={(text) => {
            setServer(text);
            viewModel.setServer(text);
          }}
          isIdentifier
        />
      </div>
      {address && (
        <Banner
          action={
            <Button size="s" variant="primary" onPress={openAddress}>
              {t('openAddress')}
            </Button>
          }
        >
          {t('isAddress', { address: term.trim() })}
        </Banner>
      )}
      <ProblemBanner problem={problem} onRetry={() => void viewModel.search()} />
      <Results viewModel={viewModel} onClose={onClose} />
    </Dialog>
  );
}

function Results({ viewModel, onClose }: { viewModel: RoomDirectoryViewModel; onClose: () => void }) {
  const t = useT('dialogs');
  const { openRoom } = useNavigation();
  const { rooms, status, hasMore, joining, term, problem } = useViewModel(viewModel);
  const open = async (room: PublicRoom & { isJoined: boolean }) => {
    const roomId = room.isJoined ? room.roomId : await viewModel.join(room);
    if (!roomId) return;
    onClose();
    openRoom(roomId);
  };
  if (status === 'loading' && rooms.length === 0) return <ResultSkeletons />;
  if (rooms.length === 0 && !problem) {
    return <EmptyState title={t('noRooms')}>{t(term ? 'noRoomsText' : 'noRoomsAtAll')}</EmptyState>;
  }
  return (
    <div className={styles.results} aria-busy={status !== 'ready'}>
      <ul aria-label={t('findChannel')}>
        {rooms.map((room) => (
          <li key={room.roomId} className={styles.room}>
            <Avatar id={room.roomId} name={room.name} mxc={room.avatarMxc} size={36} shape="room" />
            <div className={styles.text}>
              <p className={styles.name}>{room.name}</p>
              <p className={styles.facts}>
                <span className={styles.count}>
                  <Users size={12} strokeWidth={1.75} aria-hidden />
                  {room.memberCount}
                </span>
                {room.alias && <span>{room.alias}</span>}
              </p>
              {room.topic && <p className={styles.topic}>{room.topic}</p>}
            </div>
            <Button
              aria-label={t(room.isJoined ? 'openRoom' : 'joinRoom', { name: room.name })}
              variant={room.isJoined ? 'ghost' : 'secondary'}
              isPending={joining === room.roomId}
              onPress={() => void open(room)}
            >
              {t(room.isJoined ? 'open' : 'join')}
            </Button>
          </li>
        ))}
      </ul>
      {hasMore && (
        <Button variant="ghost" isBlock isPending={status === 'loading-more'} onPress={() => void viewModel.loadMore()}>
          {t('loadMore')}
        </Button>
      )}
    </div>
  );
}

function ResultSkeletons() {
  return (
    <div className={styles.results} aria-busy="true">
      {[180, 140, 200, 160].map((width) => (
        <div key={width} className={styles.room}>
          <Skeleton width={36} height={36} shape="square" />
          <div className={styles.text}>
            <Skeleton width={width} height={14} />
            <Skeleton width={width / 2} height={10} />
          </div>
        </div>
      ))}
    </div>
  );
}

/** What was typed, if it is the address of a room or a link to one rather than words to search for. */
function toAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const link = parseMatrixLink(trimmed) ?? parseMatrixLink(`https://matrix.to/#/${encodeURIComponent(trimmed)}`);
  if (!link || link.kind === 'user') return undefined;
  return parseMatrixLink(trimmed) ? trimmed : `https://matrix.to/#/${encodeURIComponent(trimmed)}`;
}
