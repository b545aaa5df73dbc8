import { useMemo } from 'react';
import { Menu as AriaMenu } from 'react-aria-components/Menu';
import { Popover } from 'react-aria-components/Popover';
import { useT } from '../i18n.tsx';
import { RoomMenuItems } from '../room/RoomMenuItems.tsx';
import { useSession } from '../session-context.tsx';
import menuStyles from '../ui/Menu.module.css';
import { useOwnedViewModel } from '../ui/use-view-model.ts';

export interface RowMenuTarget {
  roomId: string;
  anchor: HTMLElement;
}

/** The menu of a row. There is one for the whole list, so that rows stay light. */
export function RoomRowMenu({ target, onClose }: { target: RowMenuTarget; onClose: () => void }) {
  const t = useT('roomList');
  const session = useSession();
  const viewModel = useOwnedViewModel(() => session.createRoom(target.roomId), [session, target.roomId]);
  const anchor = useMemo(() => ({ current: target.anchor }), [target]);
  return (
    <Popover
      className={menuStyles.popover ?? ''}
      triggerRef={anchor}
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      placement="bottom start"
      offset={4}
    >
      <AriaMenu className={menuStyles.menu ?? ''} aria-label={t('roomMenu')} autoFocus="first" onClose={onClose}>
        <RoomMenuItems roomId={target.roomId} viewModel={viewModel} />
      </AriaMenu>
    </Popover>
  );
}
