import { useVirtualizer } from '@tanstack/react-virtual';
import { Search, UserPlus } from 'lucide-react';
import { useMemo, useRef } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import type { Member, MemberGroup, MemberGroupId } from '../../view-models/members.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { toPresenceMark } from '../ui/presence-mark.ts';
import { Skeleton } from '../ui/Skeleton.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './MemberListPanel.module.css';

type Row = { kind: 'heading'; id: MemberGroupId; count: number } | { kind: 'member'; member: Member };

/** Everybody in a room, by role. Only the rows in view exist: a room may have ten thousand members. */
export function MemberListPanel({ roomId }: { roomId: string }) {
  const t = useT('members');
  const session = useSession();
  const { open } = useDialogs();
  const viewModel = useOwnedViewModel(() => session.createMemberList(roomId), [session, roomId]);
  const { groups, filter, isComplete, permissions, problem } = useViewModel(viewModel);
  const rows = useMemo(() => toRows(groups), [groups]);
  return (
    <div className={styles.panel}>
      <div className={styles.tools}>
        <TextField
          label={t('filter')}
          isLabelHidden
          placeholder={t('filter')}
          prefix={<Search size={15} strokeWidth={1.75} aria-hidden />}
          value={filter}
          onChange={(text) => viewModel.setFilter(text)}
          isIdentifier
        />
        {permissions.invite && (
          <Button icon={UserPlus} isBlock onPress={() => open({ name: 'invite', roomId })}>
            {t('invite')}
          </Button>
        )}
      </div>
      <ProblemBanner problem={problem} onRetry={() => void viewModel.load()} />
      {!isComplete && rows.length < 2 ? <ListSkeleton /> : <Rows rows={rows} />}
      {rows.length === 0 && isComplete && <p className={styles.none}>{t('noMatch', { filter })}</p>}
    </div>
  );
}

function Rows({ rows }: { rows: readonly Row[] }) {
  const t = useT('members');
  const scroll = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: (index) => (rows[index]?.kind === 'heading' ? 36 : 44),
    getItemKey: (index) => {
      const row = rows[index];
      return row?.kind === 'member' ? row.member.userId : (row?.id ?? index);
    },
    overscan: 12,
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section ref={scroll} className={styles.scroll} tabIndex={0} aria-label={t('members')}>
      <div className={styles.canvas} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <div
              key={item.key}
              className={styles.slot}
              style={{ height: item.size, transform: `translateY(${item.start}px)` }}
            >
              {row.kind === 'heading' ? (
                <h3 className={styles.heading}>
                  {t(`group_${row.id}`)}
                  <span className={styles.count}>{row.count}</span>
                </h3>
              ) : (
                <MemberRow member={row.member} />
              )}
            </div>
          );
        })}
      </div>
    </section>
  );
}

function MemberRow({ member }: { member: Member }) {
  const { openUser } = useNavigation();
  return (
    <AriaButton className={styles.member ?? ''} onPress={() => openUser(member.userId)}>
      <Avatar
        id={member.userId}
        name={member.name}
        mxc={member.avatarMxc}
        size={28}
        presence={toPresenceMark(member.presence)}
      />
      <span className={styles.names}>
        <span className={styles.name}>{member.name}</span>
        {member.name !== member.userId && <span className={styles.id}>{member.userId}</span>}
      </span>
    </AriaButton>
  );
}

function ListSkeleton() {
  return (
    <div className={styles.skeletons} aria-busy="true">
      {[140, 110, 160, 120, 90].map((width) => (
        <div key={width} className={styles.skeleton}>
          <Skeleton width={28} height={28} shape="circle" />
          <Skeleton width={width} height={12} />
        </div>
      ))}
    </div>
  );
}

function toRows(groups: readonly MemberGroup[]): Row[] {
  return groups.flatMap((group): Row[] => [
    { kind: 'heading', id: group.id, count: group.members.length },
    ...group.members.map((member): Row => ({ kind: 'member', member })),
  ]);
}
