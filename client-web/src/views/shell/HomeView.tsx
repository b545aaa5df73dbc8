import { CheckCheck, Hash, MessageSquarePlus, Search } from 'lucide-react';
import { useState } from 'react';
import { countShown, hasNews, type RoomSummary } from '../../view-models/room-list.ts';
import { type OpenDialog, useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { roomHref } from '../navigation.ts';
import { useFrame } from '../session-context.tsx';
import { Badge } from '../ui/Badge.tsx';
import { Button } from '../ui/Button.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { RelativeTime } from '../ui/RelativeTime.tsx';
import { RoomIcon } from '../ui/RoomIcon.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './HomeView.module.css';

/** Where one starts: what is new, or what to do first. */
export function HomeView() {
  const t = useT('home');
  const { roomList } = useFrame();
  const { sections } = useViewModel(roomList);
  const rooms = sections.flatMap((section) => section.rooms);
  const news = rooms.filter(hasNews).sort(byUrgency);
  return (
    <main className={styles.page} aria-label={t('title')} data-region>
      {rooms.length === 0 ? (
        <FirstSteps />
      ) : (
        <>
          <header className={styles.header}>
            <h1 className={styles.title}>{t('title')}</h1>
          </header>
          {news.length === 0 ? (
            <EmptyState icon={CheckCheck} title={t('allRead')}>
              {t('allReadText')}
            </EmptyState>
          ) : (
            <News rooms={news} />
          )}
        </>
      )}
    </main>
  );
}

/** How many are shown at first: after a holiday there may be hundreds. */
const pageSize = 50;

function News({ rooms }: { rooms: readonly RoomSummary[] }) {
  const t = useT('home');
  const [limit, setLimit] = useState(pageSize);
  return (
    <div className={styles.news}>
      <ul>
        {rooms.slice(0, limit).map((room) => (
          <NewsRow key={room.roomId} room={room} />
        ))}
      </ul>
      {rooms.length > limit && (
        <Button variant="ghost" isBlock onPress={() => setLimit(limit + pageSize)}>
          {t('more', { count: rooms.length - limit })}
        </Button>
      )}
    </div>
  );
}

function NewsRow({ room }: { room: RoomSummary }) {
  const t = useT('home');
  const { lastMessage, unread, membership } = room;
  const isInvite = membership === 'invite';
  const shown = countShown(room);
  return (
    <li>
      <a className={styles.row} href={roomHref(room.roomId)}>
        <span className={styles.icon}>
          <RoomIcon room={room} size={room.kind === 'direct' || room.avatarMxc ? 32 : 20} />
        </span>
        <span className={styles.text}>
          <span className={styles.line}>
            <span className={styles.name}>{room.name}</span>
            {room.lastActivity > 0 && <RelativeTime time={room.lastActivity} />}
          </span>
          <span className={styles.line}>
            <span className={styles.preview}>
              {isInvite
                ? t('invite', { name: room.inviter?.name ?? '' })
                : lastMessage
                  ? t(room.kind === 'direct' ? 'previewDirect' : 'preview', {
                      sender: lastMessage.senderName,
                      text: lastMessage.text ?? t('noText'),
                    })
                  : ''}
            </span>
            {!isInvite && (shown > 0 ? <Badge count={shown} /> : <Badge count={unread.notifications} tone="muted" />)}
          </span>
        </span>
      </a>
    </li>
  );
}

const steps = [
  { dialog: 'create-channel', icon: Hash },
  { dialog: 'direct-message', icon: MessageSquarePlus },
  { dialog: 'find-room', icon: Search },
] as const;

function FirstSteps() {
  const t = useT('home');
  const { open } = useDialogs();
  const { profile } = useViewModel(useFrame());
  return (
    <div className={styles.first}>
      <h1 className={styles.welcome}>
        {profile.name === profile.userId ? t('welcome') : t('welcomeName', { name: profile.name })}
      </h1>
      <p className={styles.lead}>{t('lead')}</p>
      <ul className={styles.steps}>
        {steps.map(({ dialog, icon: Icon }) => (
          <li key={dialog} className={styles.step}>
            <span className={styles.stepIcon}>
              <Icon size={20} strokeWidth={1.75} aria-hidden />
            </span>
            <span className={styles.stepText}>
              <h2>{t(`${dialog}.title`)}</h2>
              <p>{t(`${dialog}.text`)}</p>
            </span>
            <Button onPress={() => open({ name: dialog } as OpenDialog)}>{t(`${dialog}.action`)}</Button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Invites and mentions first, then what notifies, then the rest; newest first among equals. */
function byUrgency(a: RoomSummary, b: RoomSummary): number {
  const rank = { mention: 0, notification: 1, activity: 2, none: 3 } as const;
  return rank[a.unread.level] - rank[b.unread.level] || b.lastActivity - a.lastActivity;
}
