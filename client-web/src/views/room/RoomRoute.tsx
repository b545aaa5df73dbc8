import { useParams } from '@tanstack/react-router';
import { lazy, memo, Suspense, useEffect } from 'react';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import { RoomPending } from './RoomPending.tsx';
import { RoomPreview } from './RoomPreview.tsx';

// It brings the timeline along, which invitations do not need.
const RoomView = lazy(() => import('./RoomView.tsx').then((module) => ({ default: module.RoomView })));

/** The place `/room/<id or alias>`: the room itself, or what leads into it. */
export function RoomRoute() {
  const { roomId: target } = useParams({ from: '/room/$roomId' });
  const session = useSession();
  const { openRoom } = useNavigation();
  // An alias may become known, and a room be joined or left, while one looks at it.
  useViewModel(session.roomList);
  const { sync } = useViewModel(session);
  const roomId = session.findRoomId(target);
  const isAliasOfKnown = roomId !== undefined && roomId !== target;
  useEffect(() => {
    if (isAliasOfKnown) openRoom(roomId);
  }, [isAliasOfKnown, roomId, openRoom]);
  if (isAliasOfKnown) return null;
  // The list knows rooms from the last visit before they themselves are there.
  if ((sync === 'starting' || sync === 'arriving') && !session.hasRoom(target)) return <RoomPending />;
  return <Place target={target} />;
}

/** Stays the same from room to room, so that header and composer need not be built anew. */
const Place = memo(function Place({ target }: { target: string }) {
  const session = useSession();
  const viewModel = useOwnedViewModel(() => session.createRoom(target), [session, target]);
  const { summary } = useViewModel(viewModel);
  const isJoined = summary?.membership === 'join';
  useEffect(() => {
    if (isJoined) session.preferences.change({ lastRoomId: target });
  }, [isJoined, session, target]);
  if (!isJoined) return <RoomPreview key={target} target={target} />;
  return (
    <Suspense fallback={<RoomPending />}>
      <RoomView roomId={target} viewModel={viewModel} />
    </Suspense>
  );
});
