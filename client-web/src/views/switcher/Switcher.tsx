import { useParams } from '@tanstack/react-router';
import { Hash, type LucideIcon, MessageSquarePlus, Search } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, useId, useMemo, useState } from 'react';
import { Dialog } from 'react-aria-components/Dialog';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { countShown, type RoomSummary } from '../../view-models/room-list.ts';
import { findRooms } from '../../view-models/switcher.ts';
import { type OpenDialog, useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Badge } from '../ui/Badge.tsx';
import dialogStyles from '../ui/Dialog.module.css';
import { RoomIcon } from '../ui/RoomIcon.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './Switcher.module.css';

interface Entry {
  id: string;
  icon: ReactNode;
  label: string;
  detail?: string | undefined;
  count?: number;
  isUnread?: boolean;
  onChoose: () => void;
}

const actions: readonly { name: 'direct-message' | 'create-channel' | 'find-room'; icon: LucideIcon }[] = [
  { name: 'direct-message', icon: MessageSquarePlus },
  { name: 'create-channel', icon: Hash },
  { name: 'find-room', icon: Search },
];

/** Ctrl/⌘-K: the quickest way to any room. */
export function Switcher({ onClose }: { onClose: () => void }) {
  const t = useT('switcher');
  const session = useSession();
  const list = useViewModel(session.roomList);
  const { roomId } = useParams({ strict: false });
  const { open } = useDialogs();
  const { openRoom } = useNavigation();
  const [text, setText] = useState('');
  const [index, setIndex] = useState(0);
  const listId = useId();

  // biome-ignore lint/correctness/useExhaustiveDependencies: the list's state stands for the rooms it was made of
  const rooms = useMemo(() => findRooms(session.roomList.allRooms(), text, roomId), [list, text, roomId]);
  const wanted = text.trim().toLocaleLowerCase();
  const named = actions.filter(({ name }) => t(name).toLocaleLowerCase().includes(wanted));
  const entries: Entry[] = [
    ...rooms.map((room) => toEntry(room, () => openRoom(room.roomId))),
    // What to do next when nothing at all has this name.
    ...(rooms.length === 0 && named.length === 0 ? actions : named).map(({ name, icon: Icon }) => ({
      id: name,
      icon: <Icon size={18} strokeWidth={1.75} aria-hidden />,
      label: t(name),
      onChoose: () => open({ name } as OpenDialog),
    })),
  ];
  const active = entries[Math.min(index, entries.length - 1)];

  const choose = (entry: Entry) => {
    onClose();
    entry.onChoose();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      if (entries.length > 0) setIndex((Math.min(index, entries.length - 1) + step + entries.length) % entries.length);
    } else if (event.key === 'Enter' && active && !event.nativeEvent.isComposing) {
      event.preventDefault();
      choose(active);
    }
  };

  return (
    <ModalOverlay
      className={dialogStyles.overlay ?? ''}
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      isDismissable
    >
      <Modal className={`${dialogStyles.modal} ${dialogStyles.m} ${styles.modal}`}>
        <Dialog className={styles.dialog ?? ''} aria-label={t('title')}>
          <div className={styles.field}>
            <Search size={18} strokeWidth={1.75} aria-hidden />
            <input
              className={styles.input}
              role="combobox"
              aria-label={t('title')}
              aria-expanded
              aria-controls={listId}
              aria-activedescendant={active ? `${listId}-${active.id}` : undefined}
              aria-autocomplete="list"
              placeholder={t('placeholder')}
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setIndex(0);
              }}
              onKeyDown={onKeyDown}
              autoComplete="off"
              spellCheck={false}
              autoFocus
            />
          </div>
          <div id={listId} role="listbox" aria-label={t('title')} className={styles.list}>
            {entries.map((entry) => (
              <Option
                key={entry.id}
                id={`${listId}-${entry.id}`}
                entry={entry}
                isActive={entry === active}
                onChoose={() => choose(entry)}
              />
            ))}
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function Option(props: { id: string; entry: Entry; isActive: boolean; onChoose: () => void }) {
  const { id, entry, isActive, onChoose } = props;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field, which keeps the focus
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={isActive}
      className={styles.option}
      data-unread={entry.isUnread || undefined}
      ref={(element) => {
        if (isActive) element?.scrollIntoView({ block: 'nearest' });
      }}
      onClick={onChoose}
    >
      {entry.icon}
      <span className={styles.label}>{entry.label}</span>
      {entry.detail && <span className={styles.detail}>{entry.detail}</span>}
      <Badge count={entry.count ?? 0} />
    </div>
  );
}

function toEntry(room: RoomSummary, onChoose: () => void): Entry {
  return {
    id: room.roomId,
    icon: <RoomIcon room={room} size={20} />,
    label: room.name,
    detail: room.kind === 'direct' ? room.directUserId : room.canonicalAlias,
    count: countShown(room),
    isUnread: room.unread.level !== 'none',
    onChoose,
  };
}
