import { lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from 'react';
import { type Dialogs, DialogsContext, type OpenDialog } from './dialogs-context.ts';

const CreateChannelDialog = lazy(() =>
  import('./CreateChannelDialog.tsx').then((m) => ({ default: m.CreateChannelDialog })),
);
const DirectMessageDialog = lazy(() => import('./PeopleDialog.tsx').then((m) => ({ default: m.DirectMessageDialog })));
const InviteDialog = lazy(() => import('./PeopleDialog.tsx').then((m) => ({ default: m.InviteDialog })));
const FindRoomDialog = lazy(() => import('./FindRoomDialog.tsx').then((m) => ({ default: m.FindRoomDialog })));
const LeaveDialog = lazy(() => import('./LeaveDialog.tsx').then((m) => ({ default: m.LeaveDialog })));
const ShortcutsDialog = lazy(() => import('./ShortcutsDialog.tsx').then((m) => ({ default: m.ShortcutsDialog })));
const loadSwitcher = () => import('../switcher/Switcher.tsx').then((m) => ({ default: m.Switcher }));
const Switcher = lazy(loadSwitcher);

/** Ctrl/⌘-K is to answer at once, so its code is fetched when the page has come to rest. */
const preloadDelayMs = 3000;

/** Holds the one dialog that is open. Each is fetched when it is first asked for. */
export function DialogsProvider({ children }: { children: ReactNode }) {
  const [dialog, setDialog] = useState<OpenDialog>();
  useEffect(() => {
    const timer = setTimeout(() => void loadSwitcher(), preloadDelayMs);
    return () => clearTimeout(timer);
  }, []);
  const dialogs = useMemo<Dialogs>(
    () => ({ open: setDialog, close: () => setDialog(undefined), isOpen: dialog !== undefined }),
    [dialog],
  );
  return (
    <DialogsContext value={dialogs}>
      {children}
      <Suspense fallback={null}>{dialog && <Shown dialog={dialog} onClose={dialogs.close} />}</Suspense>
    </DialogsContext>
  );
}

function Shown({ dialog, onClose }: { dialog: OpenDialog; onClose: () => void }) {
  switch (dialog.name) {
    case 'create-channel':
      return <CreateChannelDialog onClose={onClose} />;
    case 'direct-message':
      return <DirectMessageDialog onClose={onClose} />;
    case 'find-room':
      return <FindRoomDialog onClose={onClose} />;
    case 'invite':
      return <InviteDialog roomId={dialog.roomId} onClose={onClose} />;
    case 'leave':
      return <LeaveDialog roomId={dialog.roomId} onClose={onClose} />;
    case 'shortcuts':
      return <ShortcutsDialog onClose={onClose} />;
    case 'switcher':
      return <Switcher onClose={onClose} />;
  }
}
